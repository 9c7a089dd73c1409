import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ApiError, send } from "../api/client.ts";
import type { Session } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { Mark } from "../parts/icon.tsx";
import { TextField } from "../parts/input.tsx";
import { Message } from "../parts/states.tsx";
import { go } from "../state/router.ts";
import { session } from "../state/session.ts";

/** Name and password. */
export function Login() {
  const user = useSignal("");
  const password = useSignal("");
  return (
    <Door
      title="Log in"
      action="Log in"
      enter={async () => {
        session.value = await send<Session>("POST", "session", { user: user.value.trim(), password: password.value });
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
  enter,
  children,
}: {
  title: string;
  lead?: string;
  action: string;
  enter: () => Promise<void>;
  children: ComponentChildren;
}) {
  const problem = useSignal<{ text: string; hint?: string | undefined } | undefined>(undefined);
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
          {children}
          <Button kind="primary" size="large" type="submit" disabled={busy.value}>
            {action}
          </Button>
        </form>
      </div>
    </main>
  );
}
