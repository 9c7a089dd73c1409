import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { notify, notifyError } from "../state/notices.ts";
import { Icon, type IconName } from "./icon.tsx";

interface ButtonProps {
  readonly children: ComponentChildren;
  readonly icon?: IconName;
  readonly kind?: "primary" | "quiet" | "danger";
  readonly size?: "small" | "large";
  readonly type?: "button" | "submit";
  /** A promise keeps the button busy; its error is shown. */
  readonly onPress?: () => unknown;
  readonly class?: string;
  readonly expanded?: boolean;
  readonly disabled?: boolean;
  /** Shows the icon alone; the words are its name all the same. */
  readonly iconOnly?: boolean;
  /** What a screen reader says, where the words alone don't tell what they are about. */
  readonly label?: string;
}

/** A button that is busy as long as what it started. */
export function Button({
  children,
  icon,
  kind,
  size,
  type = "button",
  onPress,
  class: more = "",
  expanded,
  disabled,
  iconOnly,
  label,
}: ButtonProps) {
  const busy = useSignal(false);
  const press = async () => {
    if (busy.value || disabled) return;
    busy.value = true;
    try {
      await onPress?.();
    } catch (error) {
      notifyError(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <button
      type={type}
      class={`button ${kind ?? ""} ${size ?? ""} ${iconOnly ? "icon-only" : ""} ${more}`}
      aria-busy={busy.value}
      aria-expanded={expanded}
      aria-label={label}
      disabled={disabled}
      onClick={onPress ? () => void press() : undefined}
    >
      {icon && <Icon name={icon} />}
      <span class={iconOnly ? "visually-hidden" : undefined}>{children}</span>
    </button>
  );
}

/** A link that looks like a button. */
export function ButtonLink({
  href,
  icon,
  kind,
  size,
  children,
  download,
  label,
}: Pick<ButtonProps, "icon" | "kind" | "size" | "children" | "label"> & { href: string; download?: string }) {
  return (
    <a class={`button ${kind ?? ""} ${size ?? ""}`} href={href} download={download} aria-label={label}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </a>
  );
}

/** Puts a text on the clipboard. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const copy = async () => {
    await writeClipboard(text);
    notify(`${what} copied`);
  };
  return (
    <button
      type="button"
      class="button quiet small icon-only"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={() => void copy().catch(notifyError)}
    >
      <Icon name="copy" />
    </button>
  );
}

/** Browsers offer the clipboard only over https and on localhost; elsewhere, what is selected can still be copied. */
async function writeClipboard(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
