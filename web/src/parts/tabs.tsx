import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icon.tsx";

/** A tab, and what it opens. */
export interface TabView {
  readonly id: string;
  readonly text: string;
  readonly icon: IconName;
  readonly show: () => ComponentChildren;
}

/** Views of which one is shown; arrow keys go from tab to tab. */
export function Tabs({ tabs }: { tabs: readonly TabView[] }) {
  const prefix = useId();
  const list = useRef<HTMLDivElement>(null);
  const chosen = useSignal(tabs[0]?.id ?? "");
  const open = tabs.find(({ id }) => id === chosen.value) ?? tabs[0];
  if (!open) return null;
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = (tabs.indexOf(open) + step + tabs.length) % tabs.length;
    chosen.value = tabs[at]?.id ?? "";
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[at]?.focus();
  };
  return (
    <>
      <div class="tabs" role="tablist" ref={list} onKeyDown={move}>
        {tabs.map(({ id, text, icon }) => (
          <button
            key={id}
            type="button"
            role="tab"
            id={`${prefix}-${id}`}
            aria-controls={`${prefix}-panel`}
            aria-selected={id === open.id}
            tabIndex={id === open.id ? 0 : -1}
            onClick={() => {
              chosen.value = id;
            }}
          >
            <Icon name={icon} />
            <span>{text}</span>
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${prefix}-panel`} aria-labelledby={`${prefix}-${open.id}`} key={open.id}>
        {open.show()}
      </div>
    </>
  );
}

/** Puts the focus on the tab whose view an element is in: the way out of what takes every key. */
export function focusTab(inside: Element): void {
  const panel = inside.closest("[role=tabpanel]");
  const tab = panel?.getAttribute("aria-labelledby");
  if (tab) document.getElementById(tab)?.focus();
}
