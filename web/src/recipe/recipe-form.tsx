import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Icon } from "../parts/icon.tsx";
import { Field, SelectField } from "../parts/input.tsx";
import { ListField } from "../parts/list-field.tsx";
import { go } from "../state/router.ts";
import { problemAt } from "./check.ts";
import { setValue, values } from "./draft.ts";
import { choices, offeredKeys, shippedRecipes } from "./schema.ts";
import { HypervisorField, RecipeField } from "./schema-field.tsx";
import { SECTIONS, SIMPLE_KEYS, wordsFor } from "./texts.ts";
import { isUseCase, USE_CASES, withUseCase } from "./use-cases.ts";
import { asText, asWords } from "./values.ts";

const SIZES = ["4G", "10G", "20G", "50G"];

/** The simple form, and every other key behind "more". */
export function RecipeForm() {
  const packages = asWords(values.value.addpkg);
  const hasUser = values.value.user !== undefined;
  return (
    <>
      <Section title="What is it for?">
        <div class="use-cases">
          {USE_CASES.map((useCase) => (
            <button
              key={useCase.title}
              type="button"
              class="use-case"
              aria-pressed={isUseCase(useCase, packages)}
              onClick={() => setValue("addpkg", withUseCase(useCase, packages))}
            >
              <Icon name={useCase.icon} />
              <span class="use-case-title">{useCase.title}</span>
              <span class="use-case-note">{useCase.note}</span>
            </button>
          ))}
        </div>
        <SelectField
          label="Or begin with a ready recipe"
          help="Its services are set up, and passwords are made at the machine’s first boot. It takes the place of what the form says."
          value=""
          options={[
            { value: "", text: "None" },
            ...shippedRecipes.value.map(({ name, title }) => ({ value: name, text: title })),
          ]}
          onChange={(name) => name !== "" && go(`/new?from=recipes/${name}`)}
        />
        <ListField
          {...wordsFor("addpkg")}
          error={problemAt(["addpkg"])}
          values={packages}
          onChange={(list) => setValue("addpkg", list)}
        />
      </Section>
      <Section title="System">
        <div class="fields">
          <DistroFields />
          <RecipeField name="hostname" />
          <SizeField />
          <RecipeField name="mem" />
          <RecipeField name="cpus" />
        </div>
      </Section>
      <Section title="Who logs in?">
        <div class="fields login-fields">
          <RecipeField name="user" />
          {hasUser ? (
            <>
              <RecipeField name="name" />
              <RecipeField name="pass" />
              <RecipeField name="ssh-user-key" />
            </>
          ) : (
            <>
              <RecipeField name="rootpass" />
              <RecipeField name="ssh-key" />
            </>
          )}
        </div>
      </Section>
      <Section title="For which hypervisor?">
        <HypervisorField />
      </Section>
      <MoreSections hasUser={hasUser} />
    </>
  );
}

/** A part of the form with its heading. */
function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="card">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function DistroFields() {
  const distros = choices.value?.distros ?? [];
  const chosen = asText(values.value.distro) || (distros[0]?.name ?? "");
  const suites = distros.find(({ name }) => name === chosen)?.suites ?? [];
  const usual = suites.find(({ isDefault }) => isDefault)?.name;
  const suite = asText(values.value.suite);
  const others = suites.filter(({ name }) => name !== usual).map(({ name }) => ({ value: name, text: name }));
  // A suite that is written in the recipe and unknown here is shown all the same: the check says what is wrong with it.
  const foreign = suite !== "" && !suites.some(({ name }) => name === suite) ? [{ value: suite, text: suite }] : [];
  return (
    <>
      <SelectField
        label="Distribution"
        error={problemAt(["distro"])}
        value={chosen}
        options={distros.map(({ name, title }) => ({ value: name, text: title }))}
        onChange={(name) => {
          setValue("suite", undefined);
          setValue("distro", name === distros[0]?.name ? undefined : name);
        }}
      />
      <SelectField
        label="Release"
        error={problemAt(["suite"])}
        value={suite === usual ? "" : suite}
        options={[{ value: "", text: `${usual ?? "stable"} (recommended)` }, ...others, ...foreign]}
        onChange={(name) => setValue("suite", name)}
      />
    </>
  );
}

function SizeField() {
  const { label, help, placeholder } = wordsFor("rootsize");
  const value = asText(values.value.rootsize);
  return (
    <Field label={label} help={help} error={problemAt(["rootsize"])}>
      {(ids) => (
        <div class="with-presets">
          <input
            {...ids}
            type="text"
            value={value}
            placeholder={placeholder}
            autocomplete="off"
            onInput={(event) => setValue("rootsize", event.currentTarget.value)}
          />
          {SIZES.map((size) => (
            <button
              key={size}
              type="button"
              class="preset"
              aria-pressed={(value || "4G") === size}
              onClick={() => setValue("rootsize", size === "4G" ? undefined : size)}
            >
              {size}
            </button>
          ))}
        </div>
      )}
    </Field>
  );
}

function MoreSections({ hasUser }: { hasUser: boolean }) {
  const isOpen = useSignal(false);
  const offered = offeredKeys.value.filter((key) => !SIMPLE_KEYS.has(key) || key === "format");
  const rest = hasUser ? offered : offered.filter((key) => key !== "rootpass" && key !== "ssh-key");
  const placed = new Set(SECTIONS.flatMap(({ keys }) => keys));
  const sections = [
    ...SECTIONS.map(({ title, keys }) => ({ title, keys: keys.filter((key) => rest.includes(key)) })),
    { title: "Other", keys: rest.filter((key) => !placed.has(key)) },
  ].filter(({ keys }) => keys.length > 0);
  return (
    <details
      class="more"
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary>
        <Icon name="chevron" />
        <span>
          More options
          <span class="note">Network, disks, scripts, language, package sources and all the rest</span>
        </span>
      </summary>
      {isOpen.value &&
        sections.map(({ title, keys }) => (
          <Section key={title} title={title}>
            <div class="fields">
              {keys.map((key) => (
                <RecipeField key={key} name={key} />
              ))}
            </div>
          </Section>
        ))}
    </details>
  );
}
