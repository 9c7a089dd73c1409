import type { ComponentChildren } from "preact";
import { Icon, type IconName, Mark } from "./parts/icon.tsx";
import { builds, isConnected, machines } from "./state/live.ts";
import { route } from "./state/router.ts";
import { isAdmin, mayBuild, session } from "./state/session.ts";
import { chooseTheme, type Theme, theme } from "./state/theme.ts";

/** What stands around every view: where one can go, who one is. */
export function Shell({ children }: { children: ComponentChildren }) {
  const running = builds.value?.filter(({ finishedAt }) => finishedAt === null).length ?? 0;
  const on = machines.value?.filter(({ state }) => state === "running").length ?? 0;
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => document.querySelector<HTMLElement>("main h1")?.focus()}>
        Skip to the content
      </button>
      <header class="side">
        <a class="brand" href="#/" aria-label="vmbuilder, images">
          <Mark />
          <span>vmbuilder</span>
        </a>
        <nav aria-label="Main">
          <ul>
            <Place to="" icon="stack" text="Images" />
            <Place to="machines" icon="screen" text="Machines" count={on} />
            <Place to="builds" icon="hammer" text="Builds" count={running} />
            {mayBuild.value && <Place to="new" icon="plus" text="New" isMain />}
            <Place to="profiles" icon="bookmark" text="Profiles" />
            <Place to="storage" icon="drive" text="Storage" />
            {isAdmin.value && <Place to="people" icon="people" text="People" isWide />}
          </ul>
        </nav>
        <div class="side-foot">
          <a
            class="button quiet small icon-only"
            href="help/index.html"
            aria-label="Documentation"
            title="Documentation"
          >
            <Icon name="book" />
          </a>
          <ThemeButton />
          <a class="me" href="#/account" aria-current={route.value.path[0] === "account" ? "page" : undefined}>
            <Icon name="person" />
            <span>{session.value?.user.name}</span>
          </a>
        </div>
      </header>
      <main id="main">
        {!isConnected.value && (
          <p class="offline" role="status">
            <span class="spinner" aria-hidden="true" />
            The connection to the server is lost; it is tried again.
          </p>
        )}
        {children}
      </main>
    </div>
  );
}

function Place({
  to,
  icon,
  text,
  count = 0,
  isMain,
  isWide,
}: {
  to: string;
  icon: IconName;
  text: string;
  count?: number;
  isMain?: boolean;
  isWide?: boolean;
}) {
  const here = route.value.path[0] ?? "";
  const isHere = here === to || (to === "" && here === "images");
  return (
    <li class={`${isMain ? "main-place" : ""} ${isWide ? "wide-place" : ""}`}>
      <a href={`#/${to}`} aria-current={isHere ? "page" : undefined}>
        <Icon name={icon} />
        <span class="place-text">{text}</span>
        {count > 0 && (
          <span class="count">
            {count}
            <span class="visually-hidden"> running</span>
          </span>
        )}
      </a>
    </li>
  );
}

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

function ThemeButton() {
  const icon = ({ system: "screen", light: "sun", dark: "moon" } as const)[theme.value];
  const text = `Theme: ${theme.value}`;
  return (
    <button
      type="button"
      class="button quiet small icon-only"
      aria-label={`${text}. Change it`}
      title={text}
      onClick={() => chooseTheme(NEXT[theme.value])}
    >
      <Icon name={icon} />
    </button>
  );
}
