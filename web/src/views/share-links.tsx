import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, send } from "../api/client.ts";
import type { Image, List, ShareLink } from "../api/types.ts";
import { Button, CopyButton } from "../parts/button.tsx";
import { formatAgo } from "../parts/format.ts";
import { SelectField } from "../parts/input.tsx";
import { notifyError } from "../state/notices.ts";

const HOUR = 3600;
const EXPIRIES = [
  { value: String(HOUR), text: "an hour" },
  { value: String(24 * HOUR), text: "a day" },
  { value: String(7 * 24 * HOUR), text: "a week" },
  { value: String(30 * 24 * HOUR), text: "30 days" },
];

/** Links by which anybody can download an image, for a while. */
export function ShareLinks({ image }: { image: Image }) {
  const links = useSignal<readonly ShareLink[]>([]);
  const made = useSignal<ShareLink | undefined>(undefined);
  const seconds = useSignal(String(24 * HOUR));
  const path = `images/${encodeURIComponent(image.id)}/links`;
  useEffect(() => {
    void get<List<ShareLink>>(path).then(({ items }) => {
      links.value = items;
    }, notifyError);
  }, [path, links]);
  const make = async () => {
    const link = await send<ShareLink>("POST", path, { expiresInSeconds: Number(seconds.value) });
    made.value = link;
    links.value = [...links.value, link];
  };
  const end = async (id: string) => {
    await send("DELETE", `${path}/${encodeURIComponent(id)}`);
    links.value = links.value.filter((link) => link.id !== id);
    if (made.value?.id === id) made.value = undefined;
  };
  return (
    <div class="links">
      <div class="inline-form">
        <SelectField
          label="A link that works for"
          value={seconds.value}
          options={EXPIRIES}
          onChange={(value) => {
            seconds.value = value;
          }}
        />
        <Button icon="share" onPress={make}>
          Make a link
        </Button>
      </div>
      {made.value?.url && (
        <Shown
          text={made.value.url}
          what="link"
          note="Whoever has it can download, without logging in. It is shown only now."
        />
      )}
      {links.value.length > 0 && (
        <ul class="plain-list">
          {links.value.map(({ id, createdAt, expiresAt }) => (
            <li key={id}>
              <span>
                Made {formatAgo(createdAt)}, ends {formatAgo(expiresAt)}
              </span>
              <Button size="small" kind="quiet" onPress={() => end(id)}>
                End it
              </Button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** A text to be copied, such as one that is shown only once. */
export function Shown({ text, what, note }: { text: string; what: string; note: string }) {
  return (
    <div class="shown">
      <div class="shown-line">
        <code>{text}</code>
        <CopyButton text={text} what={what} />
      </div>
      <p class="field-help">{note}</p>
    </div>
  );
}
