import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ApiError, apiUrl, get, send } from "../api/client.ts";
import type { LoginMethods, Session } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { Icon, Mark } from "../parts/icon.tsx";
import { TextField } from "../parts/input.tsx";
import { Message } from "../parts/states.tsx";
import { go, route } from "../state/router.ts";
import { session } from "../state/session.ts";

/** Why a login elsewhere came to nothing: the server says a word, since anybody can make an address with a text. */
const FAULTS: Readonly<Record<string, readonly [text: string, hint: string]>> = {
  unreachable: ["The login service does not answer", "Try again later, or log in with a password of this server."],
  stale: ["This login took too long, or began in another browser", "Begin it anew."],
  refused: ["The login service let you not in", "Try again, or ask who runs it."],
  invalid: ["What the login service answered is not right", "Begin the login anew. The server's log says more."],
  unknown: ["Nobody has entered you on this server", "Ask an admin to."],
  "no-role": [
    "You have no role on this server",
    "Ask who runs the login service to put you into a group that has one.",
  ],
  "name-taken": ["Your name belongs to another user of this server", "Ask an admin: they can let you in under it."],
  "name-unusable": ["Your name there makes no user name here", "Ask an admin to enter you."],
  disabled: ["You are shut out of this server", "Ask an admin."],
  "too-many": ["Too many logins from here", "Wait some minutes."],
};

/** Name and password, or the login service that the server knows. */
export function Login() {
  const user = useSignal("");
  const password = useSignal("");
  const service = useSignal<string | undefined>(undefined);
  useEffect(() => {
    void get<LoginMethods>("session/methods").then(
      ({ oidc }) => {
        service.value = oidc?.title;
      },
      () => {},
    );
  }, [service]);
  const [place, word = ""] = route.value.path;
  const [text, hint] = (place === "login" && FAULTS[word]) || [];
  return (
    <Door
      title="Log in"
      action="Log in"
      fault={text === undefined ? undefined : { text, hint }}
      before={
        service.value !== undefined && (
          <>
            <a class="button large" href={apiUrl("oidc/login")}>
              <Icon name="key" />
              <span>Log in with {service.value}</span>
            </a>
            <p class="door-or">or with a password of this server</p>
          </>
        )
      }
      enter={async () => {
        session.value = await send<Session>("POST", "session", { user: user.value.trim(), password: password.value });
        if (place === "login") go("/", { replace: true });
      }}
    >
      <TextField
        label="Name"
        name="username"
        autocomplete="username"
        required
        value={user.value}
        onInput={(value) => {
          user.value = value;
        }}
      />
      <TextField
        label="Password"
        name="password"
        type="password"
        autocomplete="current-password"
        required
        value={password.value}
        onInput={(value) => {
          password.value = value;
        }}
      />
      <p class="field-help">The first time, use the link that the server printed when it started.</p>
    </Door>
  );
}

/** What a one-time link leads to: a first password, or a new one. */
export function Invitation({ token }: { token: string }) {
  const password = useSignal("");
  return (
    <Door
      title="Welcome"
      lead="Choose a password. From then on you log in with it."
      action="Set the password"
      enter={async () => {
        session.value = await send<Session>("POST", "invitation", { token, password: password.value });
        go("/", { replace: true });
      }}
    >
      <TextField
        label="Password"
        name="password"
        type="password"
        autocomplete="new-password"
        required
        minLength={10}
        help="At least 10 characters."
        value={password.value}
        onInput={(value) => {
          password.value = value;
        }}
      />
    </Door>
  );
}

function Door({
  title,
  lead,
  action,
  fault,
  before,
  enter,
  children,
}: {
  title: string;
  lead?: string;
  action: string;
  fault?: { text: string; hint?: string | undefined } | undefined;
  before?: ComponentChildren;
  enter: () => Promise<void>;
  children: ComponentChildren;
}) {
  const problem = useSignal<{ text: string; hint?: string | undefined } | undefined>(fault);
  const busy = useSignal(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    document.title = `${title} – vmbuilder`;
    form.current?.querySelector("input")?.focus();
  }, [title]);
  const submit = async () => {
    busy.value = true;
    problem.value = undefined;
    try {
      await enter();
    } catch (error) {
      const hint = error instanceof ApiError ? error.problem.hint : undefined;
      problem.value = { text: error instanceof Error ? error.message : String(error), hint };
    } finally {
      busy.value = false;
    }
  };
  return (
    <main class="door">
      <div class="door-card">
        <div class="door-brand">
          <Mark />
          <span>vmbuilder</span>
        </div>
        <h1>{title}</h1>
        {lead && <p class="lead">{lead}</p>}
        <form
          ref={form}
          onSubmit={(event) => {
            event.preventDefault();
            void submit();
          }}
        >
          {problem.value && (
            <Message kind="bad" title={problem.value.text}>
              {problem.value.hint && <p>{problem.value.hint}</p>}
            </Message>
          )}
          {before}
          {children}
          <Button kind="primary" size="large" type="submit" disabled={busy.value}>
            {action}
          </Button>
        </form>
        <p class="door-foot">
          <a href="help/index.html">Documentation</a>
        </p>
      </div>
    </main>
  );
}
