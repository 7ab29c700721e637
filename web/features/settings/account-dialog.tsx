"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import type { CreateProviderAccountBody, ProviderAccount, ProviderKind } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { DialogActions, DialogBody } from "../../components/ui/dialog.tsx";
import { Checkbox, Field, Input, Select } from "../../components/ui/field.tsx";
import { FormDialog } from "../../components/ui/form-dialog.tsx";
import { apiSend, messageOf } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { toastDone } from "../../lib/toast.ts";
import { type AccountForm, hasWire, toBody, toForm } from "./account-form.ts";
import { PriceLines } from "./price-lines.tsx";
import { providerNames } from "./provider-names.ts";

const kinds: ProviderKind[] = ["openai", "anthropic", "google", "ollama", "openai_compatible"];

/** Adds a provider account, or changes one. */
export default function AccountDialog({ account, onClose }: { account: ProviderAccount | null; onClose: () => void }) {
  const client = useQueryClient();
  const stored = account?.priceOverrides ?? {};
  const form = useForm<AccountForm>({ defaultValues: toForm(account) });
  const { register, handleSubmit, setError, formState, watch } = form;
  const { errors, isDirty } = formState;
  const title = account ? `Edit ${account.name}` : "Add a provider account";
  const kind = watch("kind");
  const needsAddress = kind === "openai_compatible" || kind === "ollama";
  const submit = handleSubmit(async (values) => {
    const body = toBody(values, account);
    try {
      if (account) await apiSend("PATCH", `/api/v1/provider-accounts/${account.id}`, body);
      else
        await apiSend("POST", "/api/v1/provider-accounts", { ...body, kind: values.kind } as CreateProviderAccountBody);
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
          {hasWire(kind) && (
            <Field label="Format" htmlFor="account-wire" hint="What the provider speaks at this address.">
              <Select id="account-wire" {...register("wire")}>
                <option value="chat">Chat completions</option>
                <option value="responses">Responses</option>
              </Select>
            </Field>
          )}
          <PriceLines form={form} stored={stored} />
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
