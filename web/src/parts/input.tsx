import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/** What every field has: a label, a word of help, and what is wrong with it. */
export interface FieldText {
  readonly label: string;
  readonly help?: ComponentChildren | undefined;
  readonly error?: ComponentChildren | undefined;
}

/** What connects an input with its label, help and error. */
export interface FieldIds {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": boolean | undefined;
}

/** A labelled field around the input that `children` makes. */
export function Field({
  label,
  help,
  error,
  children,
}: FieldText & { children: (ids: FieldIds) => ComponentChildren }) {
  const id = useId();
  const describedBy = [error ? `${id}-error` : "", help ? `${id}-help` : ""].filter(Boolean).join(" ");
  return (
    <div class={`field ${error ? "has-error" : ""}`}>
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": describedBy || undefined, "aria-invalid": error ? true : undefined })}
      {error && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {help && (
        <p class="field-help" id={`${id}-help`}>
          {help}
        </p>
      )}
    </div>
  );
}

interface TextProps extends FieldText {
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly type?: "password";
  readonly placeholder?: string;
  readonly autocomplete?: string;
  readonly required?: boolean;
  readonly minLength?: number;
  readonly name?: string;
  readonly mono?: boolean;
}

/** A line of text. */
export function TextField({ value, onInput, type, mono, label, help, error, ...more }: TextProps) {
  return (
    <Field label={label} help={help} error={error}>
      {(ids) => (
        <input
          {...ids}
          {...more}
          {...(type ? { type } : { type: "text" })}
          class={mono ? "mono" : undefined}
          value={value}
          autocapitalize="off"
          spellcheck={false}
          autocomplete={more.autocomplete ?? "off"}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** One of several. */
export function SelectField({
  value,
  onChange,
  options,
  ...text
}: FieldText & {
  value: string;
  onChange: (value: string) => void;
  options: readonly { readonly value: string; readonly text: string }[];
}) {
  return (
    <Field {...text}>
      {(ids) => (
        <select {...ids} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** Yes or no. */
export function SwitchField({
  label,
  help,
  error,
  checked,
  onChange,
}: FieldText & { checked: boolean; onChange: (checked: boolean) => void }) {
  const id = useId();
  return (
    <div class={`field switch-field ${error ? "has-error" : ""}`}>
      <input
        id={id}
        type="checkbox"
        // biome-ignore lint/a11y/useAriaPropsForRole: the checkbox itself tells whether it is checked
        role="switch"
        checked={checked}
        aria-describedby={help ? `${id}-help` : undefined}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <div>
        <label for={id}>{label}</label>
        {error && <p class="field-error">{error}</p>}
        {help && (
          <p class="field-help" id={`${id}-help`}>
            {help}
          </p>
        )}
      </div>
    </div>
  );
}

/** Some of several, as cards that can be ticked. */
export function ChoiceGroup({
  legend,
  help,
  error,
  options,
  chosen,
  onToggle,
}: {
  legend: string;
  help?: ComponentChildren;
  error?: ComponentChildren;
  options: readonly { readonly value: string; readonly title: string; readonly note?: string }[];
  chosen: readonly string[];
  onToggle: (value: string) => void;
}) {
  return (
    <fieldset class={`field choices ${error ? "has-error" : ""}`}>
      <legend>{legend}</legend>
      <div class="choice-grid">
        {options.map(({ value, title, note }) => (
          <label key={value} class="choice">
            <input type="checkbox" checked={chosen.includes(value)} onChange={() => onToggle(value)} />
            <span class="choice-title">{title}</span>
            {note && <span class="choice-note">{note}</span>}
          </label>
        ))}
      </div>
      {error && <p class="field-error">{error}</p>}
      {help && <p class="field-help">{help}</p>}
    </fieldset>
  );
}
