"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import type {
  CreateProviderAccountBody,
  ProviderAccount,
  ProviderKind,
  ProviderWire,
  UpdateProviderAccountBody,
} from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { DialogActions, DialogBody } from "../../components/ui/dialog.tsx";
import { Checkbox, Field, Input, Select } from "../../components/ui/field.tsx";
import { FormDialog } from "../../components/ui/form-dialog.tsx";
import { apiSend, messageOf } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { toastDone } from "../../lib/toast.ts";
import { providerNames } from "./provider-names.ts";

interface AccountForm {
  kind: ProviderKind;
  wire: ProviderWire;
  name: string;
  baseUrl: string;
  apiKey: string;
  models: string;
  requestsPerMinute: string;
  priceIn: string;
  priceOut: string;
  allowPrivateAddress: boolean;
}

const kinds: ProviderKind[] = ["openai", "anthropic", "google", "ollama", "openai_compatible"];

/** Others have one format only. */
const hasWire = (kind: ProviderKind) => kind === "openai" || kind === "openai_compatible";

function toBody(form: AccountForm): UpdateProviderAccountBody {
  const models = form.models.split(/[\s,]+/).filter(Boolean);
  return {
    name: form.name.trim(),
    ...(form.baseUrl.trim() ? { baseUrl: form.baseUrl.trim() } : {}),
    ...(form.apiKey ? { apiKey: form.apiKey } : {}),
    models: [...new Set(models)],
    ...(hasWire(form.kind) ? { wire: form.wire } : {}),
    ...pricesOf(form, models),
    requestsPerMinute: form.requestsPerMinute.trim() ? Number(form.requestsPerMinute) : null,
    allowPrivateAddress: form.allowPrivateAddress,
  };
}

/** Dollars per million tokens are thousands of nano-USD per token. One price holds for all models named here. */
function pricesOf(form: AccountForm, models: string[]): Pick<UpdateProviderAccountBody, "priceOverrides"> {
  if (form.priceIn.trim() === "" || form.priceOut.trim() === "") return { priceOverrides: {} };
  const price = {
    inputNanoUsdPerToken: Number(form.priceIn) * NANO_USD_PER_TOKEN,
    outputNanoUsdPerToken: Number(form.priceOut) * NANO_USD_PER_TOKEN,
  };
  return { priceOverrides: Object.fromEntries(models.map((model) => [model, price])) };
}

const NANO_USD_PER_TOKEN = 1000;
const isPrice = (value: string) => value.trim() === "" || Number(value) >= 0 || "Write dollars such as 2.50.";

/** Adds a provider account, or changes one. */
export default function AccountDialog({ account, onClose }: { account: ProviderAccount | null; onClose: () => void }) {
  const client = useQueryClient();
  const price = Object.values(account?.priceOverrides ?? {})[0];
  const { register, handleSubmit, setError, formState, watch } = useForm<AccountForm>({
    defaultValues: {
      kind: account?.kind ?? "openai",
      wire: account?.wire ?? "chat",
      name: account?.name ?? "",
      baseUrl: account?.baseUrl ?? "",
      apiKey: "",
      models: account?.models.join(", ") ?? "",
      requestsPerMinute: account?.requestsPerMinute ? String(account.requestsPerMinute) : "",
      priceIn: price ? String(price.inputNanoUsdPerToken / NANO_USD_PER_TOKEN) : "",
      priceOut: price ? String(price.outputNanoUsdPerToken / NANO_USD_PER_TOKEN) : "",
      allowPrivateAddress: account?.allowPrivateAddress ?? false,
    },
  });
  const { errors, isDirty } = formState;
  const title = account ? `Edit ${account.name}` : "Add a provider account";
  const kind = watch("kind");
  const needsAddress = kind === "openai_compatible" || kind === "ollama";
  const submit = handleSubmit(async (form) => {
    try {
      if (account) await apiSend("PATCH", `/api/v1/provider-accounts/${account.id}`, toBody(form));
      else
        await apiSend("POST", "/api/v1/provider-accounts", {
          ...toBody(form),
          kind: form.kind,
        } as CreateProviderAccountBody);
      await invalidate(client, "/provider-accounts", "/models");
      toastDone(account ? "Account saved" : "Account added");
      onClose();
    } catch (error) {
      setError("root", { message: messageOf(error) });
    }
  });
  return (
    <FormDialog dirty={isDirty} title={title} onClose={onClose}>
      <form onSubmit={submit} noValidate autoComplete="off" className="flex min-h-0 flex-col">
        <DialogBody className="grid gap-4 sm:grid-cols-2">
          <Field label="Provider" htmlFor="account-kind">
            <Select id="account-kind" disabled={account !== null} {...register("kind")}>
              {kinds.map((value) => (
                <option key={value} value={value}>
                  {providerNames[value]}
                </option>
              ))}
            </Select>
          </Field>
          <Field label="Name" htmlFor="account-name" error={errors.name?.message}>
            <Input
              id="account-name"
              maxLength={120}
              {...register("name", { validate: (value) => value.trim() !== "" || "Give it a name." })}
            />
          </Field>
          <Field
            label="API key"
            htmlFor="account-key"
            className="sm:col-span-2"
            hint={account?.hasKey ? `Empty keeps the key ending in ${account.keyHint ?? "…"}.` : undefined}
          >
            <Input id="account-key" type="password" autoComplete="off" spellCheck={false} {...register("apiKey")} />
          </Field>
          <Field
            label={needsAddress ? "Address" : "Address, if not the usual one"}
            htmlFor="account-url"
            className="sm:col-span-2"
            error={errors.baseUrl?.message}
            hint={account?.hasKey ? "A new address needs the key again." : undefined}
          >
            <Input
              id="account-url"
              type="url"
              placeholder={kind === "ollama" ? "http://127.0.0.1:11434" : "https://"}
              {...register("baseUrl", {
                validate: (value) =>
                  (value.trim() === "" ? kind !== "openai_compatible" : /^https?:\/\/[^\s@]+$/.test(value.trim())) ||
                  "Write an address that begins with https:// or http://.",
              })}
            />
          </Field>
          <Field
            label="Models"
            htmlFor="account-models"
            hint="Names with commas between. Empty: those its provider is known for."
          >
            <Input id="account-models" {...register("models")} />
          </Field>
          <Field
            label="Requests a minute"
            htmlFor="account-rpm"
            error={errors.requestsPerMinute?.message}
            hint="Empty: learned from the provider."
          >
            <Input
              id="account-rpm"
              inputMode="numeric"
              {...register("requestsPerMinute", {
                validate: (value) => value.trim() === "" || /^[1-9]\d*$/.test(value.trim()) || "Write a whole number.",
              })}
            />
          </Field>
          <Field
            label="Price in, $ per million tokens"
            htmlFor="account-price-in"
            error={errors.priceIn?.message}
            hint="Of the models named above. Empty: the kept price table."
          >
            <Input id="account-price-in" inputMode="decimal" {...register("priceIn", { validate: isPrice })} />
          </Field>
          <Field label="Price out, $ per million tokens" htmlFor="account-price-out" error={errors.priceOut?.message}>
            <Input id="account-price-out" inputMode="decimal" {...register("priceOut", { validate: isPrice })} />
          </Field>
          {hasWire(kind) && (
            <Field label="Format" htmlFor="account-wire" hint="What the provider speaks at this address.">
              <Select id="account-wire" {...register("wire")}>
                <option value="chat">Chat completions</option>
                <option value="responses">Responses</option>
              </Select>
            </Field>
          )}
          <div className="sm:col-span-2">
            <Checkbox
              label="It may be on this machine or in this network"
              hint="Needed for Ollama, LM Studio and the like: private addresses are refused otherwise."
              {...register("allowPrivateAddress")}
            />
          </div>
          {errors.root && (
            <p role="alert" className="text-bad sm:col-span-2">
              {errors.root.message}
            </p>
          )}
        </DialogBody>
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={formState.isSubmitting}>
            {account ? "Save" : "Add"}
          </Button>
        </DialogActions>
      </form>
    </FormDialog>
  );
}
