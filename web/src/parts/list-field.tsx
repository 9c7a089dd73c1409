import { useSignal } from "@preact/signals";
import { Icon } from "./icon.tsx";
import { Field, type FieldText } from "./input.tsx";

/** Words, each a chip: Enter, comma or space ends one, Backspace takes back the last. */
export function ListField({
  values,
  onChange,
  placeholder,
  ...text
}: FieldText & { values: readonly string[]; onChange: (values: readonly string[]) => void; placeholder?: string }) {
  const draft = useSignal("");
  const add = (more: string) => {
    const words = more.split(/[\s,]+/).filter((word) => word && !values.includes(word));
    draft.value = "";
    if (words.length) onChange([...values, ...words]);
  };
  return (
    <Field {...text}>
      {(ids) => (
        <div class="chips">
          {values.map((value) => (
            <span key={value} class="chip">
              {value}
              <button
                type="button"
                aria-label={`Remove ${value}`}
                onClick={() => onChange(values.filter((other) => other !== value))}
              >
                <Icon name="cross" />
              </button>
            </span>
          ))}
          <input
            {...ids}
            type="text"
            value={draft.value}
            placeholder={values.length ? "" : placeholder}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            onInput={({ currentTarget: { value } }) => {
              if (/[\s,]$/.test(value)) add(value);
              else draft.value = value;
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter") {
                event.preventDefault();
                add(draft.value);
              } else if (event.key === "Backspace" && draft.value === "") onChange(values.slice(0, -1));
            }}
            onPaste={(event) => {
              const pasted = event.clipboardData?.getData("text") ?? "";
              if (!/[\s,]/.test(pasted)) return;
              event.preventDefault();
              add(draft.value + pasted);
            }}
            onBlur={() => add(draft.value)}
          />
        </div>
      )}
    </Field>
  );
}
