import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { RecipeFile } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { formatBytes } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";
import { Field } from "../parts/input.tsx";
import { problemAt } from "./check.ts";
import { addFile, files, setValue, values } from "./draft.ts";
import { wordsFor } from "./texts.ts";
import { asWords } from "./values.ts";

const FIRST_NAMES: Record<string, string> = {
  "ssh-key": "root.pub",
  "ssh-user-key": "user.pub",
  copy: "copy.list",
  "cloud-init": "user-data",
  "cloud-init-meta-data": "meta-data",
  "cloud-init-network-config": "network-config",
  seedfile: "preseed.cfg",
  part: "partitions",
};

/** Files that go with the recipe: chosen from this computer, dropped here, or written. */
export function FileField({ name, isList }: { name: string; isList: boolean }) {
  const { label, help } = wordsFor(name);
  const names = asWords(values.value[name]);
  const isKey = name.startsWith("ssh-");
  const draft = useSignal("");
  const store = (fileName: string, content: RecipeFile) => {
    const kept = addFile(fileName, content);
    setValue(name, isList ? [...names.filter((one) => Object.hasOwn(files.peek(), one)), kept] : kept);
  };
  const write = () => {
    const text = draft.value.trim();
    if (text === "") return;
    store(FIRST_NAMES[name] ?? `${name}.sh`, `${text}\n`);
    draft.value = "";
  };
  const take = async (list: FileList | null | undefined) => {
    for (const file of list ?? []) store(file.name, await readFile(file));
  };
  const remove = (one: string) => {
    const rest = names.filter((other) => other !== one);
    setValue(name, isList ? rest : undefined);
    const { [one]: _, ...others } = files.peek();
    files.value = others;
  };
  return (
    <Field label={label} help={help} error={problemAt([name])}>
      {(ids) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: dropping is beside choosing by the button
        <div
          class="files"
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            event.preventDefault();
            void take(event.dataTransfer?.files);
          }}
        >
          {names.map((one) => (
            <StoredFile key={one} name={one} onRemove={() => remove(one)} />
          ))}
          {(isList || names.length === 0) && (
            <>
              <textarea
                {...ids}
                class="mono"
                rows={2}
                spellcheck={false}
                placeholder={isKey ? "ssh-ed25519 AAAA… you@computer" : "Write here, or choose a file"}
                value={draft.value}
                onInput={(event) => {
                  draft.value = event.currentTarget.value;
                }}
                onBlur={write}
              />
              <FilePicker label={label} onPick={take} />
            </>
          )}
        </div>
      )}
    </Field>
  );
}

function StoredFile({ name, onRemove }: { name: string; onRemove: () => void }) {
  const content = files.value[name];
  const preview = typeof content === "string" ? content.trim().split("\n")[0] : undefined;
  return (
    <div class={`stored-file ${content === undefined ? "missing" : ""}`}>
      <Icon name={content === undefined ? "alert" : "file"} />
      <div>
        <span class="stored-name">{name}</span>
        <span class="stored-note">
          {content === undefined ? "not here yet" : (preview ?? "")}
          {content !== undefined && ` · ${formatBytes(fileBytes(content))}`}
        </span>
      </div>
      <Button kind="quiet" size="small" icon="trash" onPress={onRemove} label={`Remove ${name}`}>
        Remove
      </Button>
    </div>
  );
}

function FilePicker({ label, onPick }: { label: string; onPick: (list: FileList | null) => Promise<void> }) {
  const id = useId();
  return (
    <div class="picker">
      <input
        id={id}
        type="file"
        multiple
        class="visually-hidden"
        aria-label={`Choose a file: ${label}`}
        onChange={({ currentTarget }) => {
          void onPick(currentTarget.files).then(() => {
            currentTarget.value = "";
          });
        }}
      />
      <label for={id} class="button small">
        <Icon name="file" />
        <span>Choose a file</span>
      </label>
    </div>
  );
}

/** Text as text, anything else as base64. */
async function readFile(file: File): Promise<RecipeFile> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // No text.
  }
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return { base64: btoa(binary) };
}

function fileBytes(content: RecipeFile): number {
  return typeof content === "string" ? new Blob([content]).size : Math.floor((content.base64.length * 3) / 4);
}
