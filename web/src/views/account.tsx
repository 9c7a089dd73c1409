import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { send } from "../api/client.ts";
import type { Token } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { formatAgo } from "../parts/format.ts";
import { SelectField, TextField } from "../parts/input.tsx";
import { Page } from "../parts/page.tsx";
import { Message } from "../parts/states.tsx";
import { getAll, stopFollowing } from "../state/live.ts";
import { notify, notifyError } from "../state/notices.ts";
import { go } from "../state/router.ts";
import { session } from "../state/session.ts";
import { chooseTheme, type Theme, theme } from "../state/theme.ts";
import { Shown } from "./share-links.tsx";

/** One's own password, tokens and looks. */
export function Account() {
  const user = session.value?.user;
  if (!user) return null;
  const logOut = async () => {
    const there = await send<{ endSessionUrl: string } | undefined>("DELETE", "session");
    if (there) return location.assign(there.endSessionUrl);
    stopFollowing();
    session.value = null;
    go("/", { replace: true });
  };
  return (
    <Page
      title={user.name}
      lead={`You are ${user.role === "admin" ? "an" : "a"} ${user.role} here.`}
      actions={
        <Button icon="logout" onPress={logOut}>
          Log out
        </Button>
      }
    >
      <div class="account">
        <section class="card" aria-labelledby="looks">
          <h2 id="looks">Appearance</h2>
          <SelectField
            label="Theme"
            value={theme.value}
            options={[
              { value: "system", text: "As the system has it" },
              { value: "light", text: "Light" },
              { value: "dark", text: "Dark" },
            ]}
            onChange={(chosen) => chooseTheme(chosen as Theme)}
          />
        </section>
        <section class="card" aria-labelledby="password">
          <h2 id="password">Password</h2>
          {user.hasPassword ? (
            <Password name={user.name} />
          ) : (
            <p class="field-help">
              You have none: you log in by another service. An admin can send you a link to set one.
            </p>
          )}
        </section>
        <section class="card" aria-labelledby="tokens">
          <h2 id="tokens">API tokens</h2>
          <p class="field-help">
            For scripts: a token may do what you may. What there is to call is in the{" "}
            <a href="api/docs">description of the API</a>.
          </p>
          <Tokens />
        </section>
      </div>
    </Page>
  );
}

function Password({ name }: { name: string }) {
  const current = useSignal("");
  const next = useSignal("");
  const problem = useSignal("");
  const change = async () => {
    problem.value = "";
    try {
      await send("PUT", "session/password", { current: current.value, password: next.value });
      current.value = next.value = "";
      notify("The password is changed; all other sessions have ended");
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
    }
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void change();
      }}
    >
      {problem.value && <Message kind="bad" title={problem.value} />}
      <input type="text" name="username" autocomplete="username" value={name} hidden readOnly />
      <TextField
        label="Present password"
        type="password"
        autocomplete="current-password"
        required
        value={current.value}
        onInput={(value) => {
          current.value = value;
        }}
      />
      <TextField
        label="New password"
        type="password"
        autocomplete="new-password"
        required
        minLength={10}
        help="At least 10 characters."
        value={next.value}
        onInput={(value) => {
          next.value = value;
        }}
      />
      <Button type="submit">Change it</Button>
    </form>
  );
}

function Tokens() {
  const tokens = useSignal<readonly Token[]>([]);
  const name = useSignal("");
  const made = useSignal("");
  useEffect(() => {
    void getAll<Token>("tokens").then((all) => {
      tokens.value = all;
    }, notifyError);
  }, [tokens]);
  const make = async () => {
    const { token, ...rest } = await send<Token & { token: string }>("POST", "tokens", { name: name.value.trim() });
    made.value = token;
    name.value = "";
    tokens.value = [...tokens.value, rest];
  };
  const end = async (id: string) => {
    await send("DELETE", `tokens/${encodeURIComponent(id)}`);
    tokens.value = tokens.value.filter((token) => token.id !== id);
  };
  return (
    <div class="stack">
      {tokens.value.length > 0 && (
        <ul class="plain-list">
          {tokens.value.map((token) => (
            <li key={token.id}>
              <span>
                {token.name}{" "}
                <span class="note">{token.lastUsedAt ? `used ${formatAgo(token.lastUsedAt)}` : "never used"}</span>
              </span>
              <Button
                size="small"
                kind="quiet"
                icon="trash"
                label={`Remove token ${token.name}`}
                onPress={() => end(token.id)}
              >
                Remove
              </Button>
            </li>
          ))}
        </ul>
      )}
      {made.value && <Shown text={made.value} what="token" note="It is shown only now." />}
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          void make().catch(notifyError);
        }}
      >
        <TextField
          label="What it is for"
          required
          value={name.value}
          onInput={(value) => {
            name.value = value;
          }}
        />
        <Button type="submit" icon="key">
          Make a token
        </Button>
      </form>
    </div>
  );
}
