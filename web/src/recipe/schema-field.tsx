import { Button } from "../parts/button.tsx";
import { ChoiceGroup, SelectField, SwitchField, TextField } from "../parts/input.tsx";
import { ListField } from "../parts/list-field.tsx";
import { problemAt } from "./check.ts";
import { SECRET_KEYS, secrets, setValue, values } from "./draft.ts";
import { FileField } from "./file-field.tsx";
import { choices, fieldKind, itemSchema, recipeSchema, type Schema } from "./schema.ts";
import { FILE_KEYS, wordsFor } from "./texts.ts";
import { asText, asWords } from "./values.ts";

type Path = readonly (string | number)[];

/** The field of a key of the recipe, as its schema and what the key means have it. */
export function RecipeField({ name }: { name: string }) {
  const schema = recipeSchema.value?.properties?.[name];
  if (!schema) return null;
  if (SECRET_KEYS.includes(name)) return <SecretField name={name} />;
  if (FILE_KEYS.has(name)) return <FileField name={name} isList={fieldKind(schema) === "words"} />;
  if (name === "format") return <FormatField />;
  return (
    <SchemaField
      name={name}
      path={[name]}
      schema={schema}
      value={values.value[name]}
      onChange={(value) => setValue(name, value)}
    />
  );
}

interface SchemaFieldProps {
  readonly name: string;
  readonly path: Path;
  readonly schema: Schema;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
}

function SchemaField({ name, path, schema, value, onChange }: SchemaFieldProps) {
  const words = { ...wordsFor(name, schema.description), error: problemAt(path) };
  switch (fieldKind(schema)) {
    case "choice": {
      const standard = typeof schema.default === "string" ? schema.default : undefined;
      const first = { value: "", text: standard ?? "as usual" };
      const others = schema.enum?.filter((one) => one !== standard).map((one) => ({ value: one, text: one })) ?? [];
      const shown = asText(value) === standard ? "" : asText(value);
      return <SelectField {...words} value={shown} options={[first, ...others]} onChange={onChange} />;
    }
    case "switch": {
      const standard = schema.default === true;
      return (
        <SwitchField
          {...words}
          checked={(value ?? standard) === true}
          onChange={(checked) => onChange(checked === standard ? undefined : checked)}
        />
      );
    }
    case "words":
      return <ListField {...words} values={asWords(value)} onChange={onChange} />;
    case "objects":
      return <ObjectList name={name} path={path} schema={schema} value={value} onChange={onChange} />;
    case "object":
      return <ObjectFields path={path} schema={schema} value={value} onChange={onChange} />;
    case "number":
    case "text":
      return <TextField {...words} value={asText(value)} onInput={(input) => onChange(asNumber(input, schema))} />;
    case "other":
      return <p class="field-help">{words.label}: only in the recipe's text.</p>;
  }
}

function ObjectList({ name, path, schema, value, onChange }: SchemaFieldProps) {
  const items = value === undefined ? [] : Array.isArray(value) ? value : [value];
  const { label, help } = wordsFor(name, schema.description);
  const error = problemAt(path);
  const replace = (at: number, item: unknown) => onChange(items.with(at, item ?? {}));
  return (
    <fieldset class="field object-list">
      <legend>{label}</legend>
      {help && <p class="field-help">{help}</p>}
      {error && <p class="field-error">{error}</p>}
      {items.map((item, at) => (
        <fieldset class="object" key={at}>
          <legend>{`${label} ${at + 1}`}</legend>
          <ObjectFields
            path={[...path, at]}
            schema={itemSchema(schema)}
            value={item}
            onChange={(changed) => replace(at, changed)}
          />
          <Button
            size="small"
            kind="quiet"
            icon="trash"
            label={`Remove ${label} ${at + 1}`}
            onPress={() => onChange(items.filter((_, other) => other !== at))}
          >
            Remove
          </Button>
        </fieldset>
      ))}
      <Button size="small" icon="plus" label={`Add to ${label}`} onPress={() => onChange([...items, {}])}>
        Add
      </Button>
    </fieldset>
  );
}

function ObjectFields({ path, schema, value, onChange }: Omit<SchemaFieldProps, "name">) {
  const current = (value ?? {}) as Record<string, unknown>;
  return (
    <div class="fields">
      {Object.entries(schema.properties ?? {}).map(([key, property]) => (
        <SchemaField
          key={key}
          name={key}
          path={[...path, key]}
          schema={property}
          value={current[key]}
          onChange={(changed) => onChange(withKey(current, key, changed))}
        />
      ))}
    </div>
  );
}

function SecretField({ name }: { name: string }) {
  const { label, help } = wordsFor(name);
  return (
    <TextField
      label={label}
      help={help}
      error={problemAt([name])}
      type="password"
      autocomplete="new-password"
      value={secrets.value[name] ?? asText(values.value[name])}
      onInput={(value) => {
        if (values.peek()[name] !== undefined) setValue(name, undefined);
        secrets.value = { ...secrets.value, [name]: value };
      }}
    />
  );
}

/** Where the machine will run: the hypervisors that there are. */
export function HypervisorField() {
  const chosen = asWords(values.value.hypervisor ?? ["kvm"]);
  return (
    <ChoiceGroup
      legend="Where will it run?"
      help="One build makes the disks and files for all that are ticked."
      error={problemAt(["hypervisor"])}
      options={withoutAliases(choices.value?.hypervisors ?? []).map(({ name, title, formats }) => ({
        value: name,
        title,
        note: formats.join(", "),
      }))}
      chosen={chosen}
      onToggle={(name) => {
        const next = toggled(chosen, name);
        setValue("hypervisor", next.length === 1 && next[0] === "kvm" ? undefined : next);
      }}
    />
  );
}

/** Some have several names, for those who know the old ones. */
function withoutAliases<Item extends { readonly title: string }>(items: readonly Item[]): readonly Item[] {
  return items.filter(({ title }, at) => items.findIndex((other) => other.title === title) === at);
}

function FormatField() {
  const chosen = asWords(values.value.format);
  return (
    <ChoiceGroup
      legend="Further disk formats"
      error={problemAt(["format"])}
      options={(choices.value?.formats ?? []).map(({ name, title }) => ({ value: name, title: name, note: title }))}
      chosen={chosen}
      onToggle={(name) => setValue("format", toggled(chosen, name))}
    />
  );
}

function toggled(list: readonly string[], name: string): readonly string[] {
  return list.includes(name) ? list.filter((other) => other !== name) : [...list, name];
}

function asNumber(input: string, schema: Schema): unknown {
  return fieldKind(schema) === "number" && /^\d{1,9}$/.test(input) ? Number(input) : input;
}

function withKey(object: Record<string, unknown>, key: string, value: unknown): Record<string, unknown> {
  const isEmpty = value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
  if (!isEmpty) return { ...object, [key]: value };
  return Object.fromEntries(Object.entries(object).filter(([other]) => other !== key));
}
