"use client";
import { CirclePlus, X } from "lucide-react";
import { type UseFormReturn, useFieldArray } from "react-hook-form";
import type { PriceOverrides } from "#contracts";
import { Button, IconButton } from "../../components/ui/button.tsx";
import { Field, Input } from "../../components/ui/field.tsx";
import { type AccountForm, namedModels } from "./account-form.ts";
import { modelFault, priceFault } from "./account-prices.ts";

/** The account's own prices, a line for each model that has one. */
export function PriceLines({ form, stored }: { form: UseFormReturn<AccountForm>; stored: PriceOverrides }) {
  const { control, register, getValues, formState, watch } = form;
  const { fields, append, remove } = useFieldArray({ control, name: "prices" });
  const errors = formState.errors.prices;
  const models = namedModels(watch("models"));
  const unpriced = models.find((model) => !getValues("prices").some((line) => line.model.trim() === model));
  return (
    <fieldset className="sm:col-span-2">
      <legend className="mb-1 font-medium text-muted text-xs">Own prices, $ per million tokens</legend>
      <datalist id="account-price-models">
        {models.map((model) => (
          <option key={model} value={model} />
        ))}
      </datalist>
      <ul className="flex flex-col gap-2">
        {fields.map((field, index) => (
          <li
            key={field.id}
            className="grid grid-cols-[1fr_1fr_auto] gap-2 sm:grid-cols-[minmax(0,1fr)_6.5rem_6.5rem_auto]"
          >
            <Field
              label="Model"
              htmlFor={`account-price-${index}-model`}
              error={errors?.[index]?.model?.message}
              className="col-span-3 sm:col-span-1"
            >
              <Input
                id={`account-price-${index}-model`}
                list="account-price-models"
                spellCheck={false}
                {...register(`prices.${index}.model`, {
                  validate: (model, values) =>
                    modelFault(model, values.prices, namedModels(values.models), stored) ?? true,
                })}
              />
            </Field>
            <Field label="In" htmlFor={`account-price-${index}-in`} error={errors?.[index]?.input?.message}>
              <Input
                id={`account-price-${index}-in`}
                inputMode="decimal"
                {...register(`prices.${index}.input`, { validate: (dollars) => priceFault(dollars) ?? true })}
              />
            </Field>
            <Field label="Out" htmlFor={`account-price-${index}-out`} error={errors?.[index]?.output?.message}>
              <Input
                id={`account-price-${index}-out`}
                inputMode="decimal"
                {...register(`prices.${index}.output`, { validate: (dollars) => priceFault(dollars) ?? true })}
              />
            </Field>
            <IconButton
              label={`Remove the price of ${field.model || "this line"}`}
              className="mt-5.5"
              onClick={() => remove(index)}
            >
              <X aria-hidden className="size-4" />
            </IconButton>
          </li>
        ))}
      </ul>
      <div className={`flex flex-wrap items-center gap-x-3 gap-y-1 ${fields.length > 0 ? "mt-2" : ""}`}>
        <Button
          small
          icon={<CirclePlus aria-hidden className="size-3.5" />}
          onClick={() => append({ model: unpriced ?? "", input: "", output: "" })}
        >
          Add a price
        </Button>
        <span className="text-faint text-xs">Models without one cost what Muster’s price table says.</span>
      </div>
    </fieldset>
  );
}
