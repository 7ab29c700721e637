"use client";
import clsx from "clsx";
import { useFormState, useWatch } from "react-hook-form";
import type { ModelView, SquadProcess } from "#contracts";
import { Checkbox, Field, Input, Select, Textarea } from "../../components/ui/field.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { ModelOptions } from "./model-options.tsx";
import { ProcessGraph } from "./process-graph.tsx";
import { useSquadForm } from "./squad-form-context.ts";

const processes: { value: SquadProcess; label: string; hint: string }[] = [
  {
    value: "lead",
    label: "Led",
    hint: "The lead plans steps, members work as soon as they can, the lead reviews and writes the result.",
  },
  { value: "sequential", label: "In sequence", hint: "Members work in order, each on what came before." },
  { value: "parallel", label: "In parallel", hint: "All work at once, the lead merges." },
];

const positive = (value: string) =>
  value.trim() === "" || Number(value) > 0 || "Write a number above zero, or nothing.";

/** What holds for the squad as a whole. */
export function SettingsPanel({ models }: { models: ModelView[] }) {
  const { register, control } = useSquadForm();
  const { errors } = useFormState({ control });
  const [process, members, lead] = useWatch({ control, name: ["process", "members", "lead"] });
  return (
    <Panel title="Squad">
      <div className="flex flex-col gap-4 p-4">
        <Field label="Name" htmlFor="squad-name" error={errors.name?.message}>
          <Input
            id="squad-name"
            maxLength={120}
            {...register("name", { validate: (value) => value.trim() !== "" || "A squad needs a name." })}
          />
        </Field>
        <Field label="Goal" htmlFor="squad-goal" hint="Every member reads it before each task.">
          <Textarea id="squad-goal" rows={4} maxLength={4000} {...register("goal")} />
        </Field>
        <fieldset>
          <legend className="mb-1 font-medium text-muted text-xs">Process</legend>
          <div className="grid grid-cols-3 gap-1 rounded-md border border-line-strong/80 p-0.5">
            {processes.map(({ value, label }) => (
              <label
                key={value}
                className={clsx(
                  "flex cursor-pointer items-center justify-center rounded-sm py-1 text-center text-xs has-focus-visible:outline-2 has-focus-visible:outline-accent",
                  process === value ? "bg-hover font-medium" : "text-muted hover:text-ink",
                )}
              >
                <input type="radio" value={value} className="sr-only" {...register("process")} />
                {label}
              </label>
            ))}
          </div>
          <ProcessGraph process={process} members={members} lead={lead} />
          <p className="text-faint text-xs">{processes.find((one) => one.value === process)?.hint}</p>
        </fieldset>
        <Field
          label="Budget per month, in US dollars"
          htmlFor="squad-budget"
          error={errors.budgetUsd?.message}
          hint="Empty: only the budgets above it bind. A call that it does not cover is not made."
        >
          <Input
            id="squad-budget"
            inputMode="decimal"
            placeholder="none"
            {...register("budgetUsd", {
              validate: (value) =>
                value.trim() === "" ||
                (Number(value) >= 0 && Number(value) <= 1_000_000) ||
                "Write an amount such as 25 or 0.50.",
            })}
          />
        </Field>
        <Checkbox
          label="Ask me before the plan runs"
          hint="The execution waits for your approval after planning."
          {...register("requireApproval")}
        />
        <details>
          <summary className="font-medium text-muted text-xs pointer-coarse:-my-2 pointer-coarse:py-3">
            Limits and fallback
          </summary>
          <div className="mt-3 grid grid-cols-2 gap-3">
            <Field label="Steps at most" htmlFor="squad-steps" error={errors.maxSteps?.message}>
              <Input
                id="squad-steps"
                inputMode="numeric"
                placeholder="50"
                {...register("maxSteps", { validate: positive })}
              />
            </Field>
            <Field label="Minutes at most" htmlFor="squad-minutes" error={errors.maxDurationMinutes?.message}>
              <Input
                id="squad-minutes"
                inputMode="numeric"
                placeholder="60"
                {...register("maxDurationMinutes", { validate: positive })}
              />
            </Field>
            <FallbackField models={models} />
          </div>
        </details>
      </div>
    </Panel>
  );
}

function FallbackField({ models }: { models: ModelView[] }) {
  const { control, setValue } = useSquadForm();
  const fallbackModels = useWatch({ control, name: "fallbackModels" });
  return (
    <Field
      label="Fallback model"
      htmlFor="squad-fallback"
      hint="Used when a member's model cannot answer."
      className="col-span-2"
    >
      <Select
        id="squad-fallback"
        value={fallbackModels[0] ?? ""}
        onChange={(event) =>
          setValue("fallbackModels", event.target.value ? [event.target.value, ...fallbackModels.slice(1)] : [], {
            shouldDirty: true,
          })
        }
      >
        <option value="">None</option>
        <ModelOptions models={models} />
      </Select>
    </Field>
  );
}
