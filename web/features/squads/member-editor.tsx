"use client";
import { useSortable } from "@dnd-kit/sortable";
import { useQueryClient } from "@tanstack/react-query";
import clsx from "clsx";
import { ChevronDown, Crown, GripVertical, Trash2 } from "lucide-react";
import { useFormState, useWatch } from "react-hook-form";
import type { ModelList, ModelView, RoleView, Squad, ToolView } from "#contracts";
import { Avatar } from "../../components/ui/avatar.tsx";
import { Button, IconButton } from "../../components/ui/button.tsx";
import { Checkbox, Field, Input, Select, Textarea } from "../../components/ui/field.tsx";
import { Badge } from "../../components/ui/status.tsx";
import { formatCount, formatTokenPrice } from "../../lib/format.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { modelName } from "../../lib/model-name.ts";
import { PictureField } from "../avatars/picture-field.tsx";
import { ModelOptions } from "./model-options.tsx";
import type { MemberForm } from "./squad-form.ts";
import { useSquadForm } from "./squad-form-context.ts";

interface MemberEditorProps {
  id: string;
  index: number;
  isLead: boolean;
  open: boolean;
  onToggle: () => void;
  onRemove: () => void;
  onLead: () => void;
  squad: Squad | null;
  roles: RoleView[];
  models: ModelList;
  tools: ToolView[];
}

/** One member: a line to see and sort, and all its fields when opened. */
export function MemberEditor(props: MemberEditorProps) {
  const { id, index, isLead, open, onToggle, onRemove, squad, roles, models } = props;
  const { control } = useSquadForm();
  const { errors } = useFormState({ control });
  const member = useWatch({ control, name: `members.${index}` });
  const { setNodeRef, setActivatorNodeRef, attributes, listeners, transform, transition, isDragging } = useSortable({
    id,
  });
  const role = roles.find((one) => one.slug === member?.role);
  const broken = errors.members?.[index] !== undefined;
  const name = member?.name || role?.name || "Member";
  return (
    <li
      ref={setNodeRef}
      style={{ transform: transform ? `translate3d(0, ${transform.y}px, 0)` : undefined, transition }}
      className={clsx("bg-surface", isDragging && "relative z-10 opacity-80 shadow-pop")}
    >
      <div className="flex min-h-13 items-center gap-1 px-1.5">
        <button
          type="button"
          ref={setActivatorNodeRef}
          {...attributes}
          {...listeners}
          aria-label={`Move ${name}`}
          className="flex h-8 w-6 pointer-coarse:h-10 cursor-grab touch-none items-center justify-center rounded-md text-faint hover:bg-hover"
        >
          <GripVertical aria-hidden className="size-4" />
        </button>
        <button
          type="button"
          aria-expanded={open}
          onClick={onToggle}
          className="flex min-w-0 flex-1 items-center gap-2.5 rounded-md px-1.5 py-2 text-left hover:bg-hover"
        >
          <Avatar
            name={name}
            role={member?.role ?? null}
            picture={squad?.members.find((one) => one.id === member?.id)?.avatarKey}
            size={32}
          />
          <span className="min-w-0 flex-1">
            <span className="flex items-center gap-1.5">
              <span className="truncate font-medium">{name}</span>
              {isLead && (
                <Badge tone="accent">
                  <Crown aria-hidden className="size-3" />
                  Lead
                </Badge>
              )}
              {broken && <Badge tone="bad">Needs a fix</Badge>}
            </span>
            <span className="block truncate text-faint text-xs">
              {role?.name ?? member?.role} · {shownModel(models, member?.model ?? "")}
            </span>
          </span>
          <ChevronDown
            aria-hidden
            className={clsx("size-4 shrink-0 text-faint transition-transform", open && "rotate-180")}
          />
        </button>
        <IconButton label={`Remove ${name}`} onClick={onRemove}>
          <Trash2 aria-hidden className="size-4" />
        </IconButton>
      </div>
      {open && <MemberFields {...props} role={role} />}
    </li>
  );
}

function shownModel(models: ModelList, id: string): string {
  return id ? modelName(id) : `Default (${modelName(models.defaultModel)})`;
}

function MemberFields({
  index,
  isLead,
  onLead,
  squad,
  role,
  models,
  tools,
}: MemberEditorProps & { role: RoleView | undefined }) {
  const { register, control, setValue } = useSquadForm();
  const errors = useFormState({ control }).errors.members?.[index];
  const member = useWatch({ control, name: `members.${index}` });
  const model = models.data.find((one) => one.id === (member.model || models.defaultModel));
  const field = (name: string) => `member-${index}-${name}`;
  const toggleTool = (tool: string, on: boolean) =>
    setValue(`members.${index}.tools`, on ? [...member.tools, tool] : member.tools.filter((one) => one !== tool), {
      shouldDirty: true,
    });
  return (
    <div className="grid gap-3.5 px-4 pt-1 pb-4 sm:grid-cols-2">
      <MemberPicture squad={squad} member={member} />
      <Field label="Name" htmlFor={field("name")} error={errors?.name?.message}>
        <Input
          id={field("name")}
          maxLength={120}
          {...register(`members.${index}.name`, {
            validate: (value) => value.trim() !== "" || "A member needs a name.",
          })}
        />
      </Field>
      <Field label="Model" htmlFor={field("model")} hint={model && <ModelFacts model={model} />}>
        <Select id={field("model")} {...register(`members.${index}.model`)}>
          <option value="">{shownModel(models, "")}</option>
          <ModelOptions models={models.data} />
        </Select>
      </Field>
      <Field
        label="Instructions"
        htmlFor={field("instructions")}
        hint="Empty: those of the role, shown above in grey."
        className="sm:col-span-2"
      >
        <Textarea
          id={field("instructions")}
          rows={5}
          maxLength={20_000}
          placeholder={role?.instructions.trim().slice(0, 600)}
          {...register(`members.${index}.instructions`)}
        />
      </Field>
      <fieldset className="sm:col-span-2">
        <legend className="mb-1 font-medium text-muted text-xs">Tools</legend>
        <div className="grid gap-2 sm:grid-cols-2">
          {tools.map((tool) => (
            <Checkbox
              key={tool.name}
              label={tool.name}
              hint={tool.description}
              checked={member.tools.includes(tool.name)}
              onChange={(event) => toggleTool(tool.name, event.target.checked)}
            />
          ))}
        </div>
      </fieldset>
      {!isLead && (
        <div className="sm:col-span-2">
          <Button small icon={<Crown aria-hidden className="size-3.5" />} onClick={onLead}>
            Make the lead
          </Button>
        </div>
      )}
    </div>
  );
}

/** The picture is stored at once, beside the form: it is no part of what is saved or discarded. */
function MemberPicture({ squad, member }: { squad: Squad | null; member: MemberForm }) {
  const client = useQueryClient();
  const stored = squad?.members.find((one) => one.id === member.id);
  if (!squad || !stored) {
    return <p className="text-faint text-xs sm:col-span-2">A picture can be given once the squad is saved.</p>;
  }
  return (
    <div className="sm:col-span-2">
      <PictureField
        path={`/api/v1/squads/${squad.id}/members/${stored.id}/avatar`}
        name={member.name}
        role={member.role}
        picture={stored.avatarKey}
        onChanged={() => invalidate(client, "/squads", "/dashboard", "/executions")}
      />
    </div>
  );
}

function ModelFacts({ model }: { model: ModelView }) {
  return (
    <span className="tabular">
      {model.inputNanoUsdPerToken === 0 && model.outputNanoUsdPerToken === 0
        ? "Free"
        : `${formatTokenPrice(model.inputNanoUsdPerToken)} in, ${formatTokenPrice(model.outputNanoUsdPerToken)} out per million tokens`}
      {model.contextTokens !== null && ` · ${formatCount(model.contextTokens)} context`}
      {!model.available && " · no account offers it now"}
    </span>
  );
}
