import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, send } from "../api/client.ts";
import type { LoginMethods, Role, User } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { count, formatAgo, formatBytes } from "../parts/format.ts";
import { SelectField, TextField } from "../parts/input.tsx";
import { Page } from "../parts/page.tsx";
import { Badge, Loading } from "../parts/states.tsx";
import { getAll } from "../state/live.ts";
import { notify, notifyError } from "../state/notices.ts";
import { session } from "../state/session.ts";
import { Audit } from "./audit.tsx";
import { Shown } from "./share-links.tsx";

const ROLES: readonly { value: Role; text: string }[] = [
  { value: "viewer", text: "Viewer: sees and downloads" },
  { value: "builder", text: "Builder: makes images, runs machines" },
  { value: "admin", text: "Admin: sees and does all" },
];
const LINK_NOTE = "Send it to them: it works once, for 7 days, and is shown only now.";

/** Who may use this server; for admins. */
export function People() {
  const users = useSignal<readonly User[] | undefined>(undefined);
  const invitation = useSignal<{ name: string; url: string } | undefined>(undefined);
  const isInviting = useSignal(false);
  const service = useSignal<string | undefined>(undefined);
  const load = async () => {
    service.value = (await get<LoginMethods>("session/methods")).oidc?.title;
    users.value = await getAll<User>("users");
  };
  useEffect(() => {
    void load().catch(notifyError);
  }, []);
  const showLink = async (name: string, url: string) => {
    isInviting.value = false;
    invitation.value = { name, url };
    await load();
  };
  return (
    <Page
      title="People"
      lead="Who may use this server, and what they did."
      actions={
        <Button
          kind="primary"
          icon="plus"
          onPress={() => {
            isInviting.value = true;
          }}
        >
          Invite
        </Button>
      }
    >
      {isInviting.value && (
        <Invite
          onClose={() => {
            isInviting.value = false;
          }}
          onMade={showLink}
        />
      )}
      {invitation.value && (
        <Dialog
          title={`A link for ${invitation.value.name}`}
          onClose={() => {
            invitation.value = undefined;
          }}
        >
          <div class="dialog-body">
            <Shown text={invitation.value.url} what="link" note={LINK_NOTE} />
          </div>
        </Dialog>
      )}
      {users.value === undefined ? (
        <Loading />
      ) : (
        <ul class="rows" aria-label="Users">
          {users.value.map((user) => (
            <UserRow key={user.name} user={user} service={service.value} onChange={load} onLink={showLink} />
          ))}
        </ul>
      )}
      <Audit />
    </Page>
  );
}

function UserRow({
  user,
  service,
  onChange,
  onLink,
}: {
  user: User;
  /** The login service's name, if the server has one. */
  service: string | undefined;
  onChange: () => Promise<void>;
  onLink: (name: string, url: string) => Promise<void>;
}) {
  const path = `users/${encodeURIComponent(user.name)}`;
  const isSelf = user.name === session.value?.user.name;
  const change = async (body: Partial<User> & { hasOidc?: boolean }) => {
    await send("PATCH", path, body);
    await onChange();
  };
  return (
    <li class="row">
      <div class="row-link user">
        <span class="avatar" aria-hidden="true">
          {user.name.slice(0, 1).toUpperCase()}
        </span>
        <div class="row-main">
          <span class="row-title">
            {user.name} {isSelf && <Badge>you</Badge>} {user.isDisabled && <Badge kind="bad">disabled</Badge>}
            {!user.hasPassword && user.oidc === null && <Badge kind="active">invited</Badge>}
            {user.oidc && (
              <Badge kind={user.oidc === "awaited" ? "active" : "neutral"}>
                {user.oidc === "awaited" ? `awaited from ${service}` : `by ${service}`}
              </Badge>
            )}
          </span>
          <span class="row-note">
            {formatBytes(user.usage.diskBytes)} in {count(user.usage.images, "image")},{" "}
            {count(user.usage.machines, "machine")} ·{" "}
            {user.lastSeenAt ? `seen ${formatAgo(user.lastSeenAt)}` : "never here"}
          </span>
        </div>
        <select
          aria-label={`Role of ${user.name}`}
          value={user.role}
          disabled={isSelf}
          onChange={({ currentTarget }) =>
            void change({ role: currentTarget.value as Role }).catch((error: unknown) => {
              currentTarget.value = user.role;
              notifyError(error);
            })
          }
        >
          {ROLES.map(({ value }) => (
            <option key={value} value={value}>
              {value}
            </option>
          ))}
        </select>
        {!isSelf && (
          <div class="actions">
            <Button
              size="small"
              icon="key"
              label={`New link for ${user.name}`}
              onPress={async () => {
                const { invitationUrl } = await send<{ invitationUrl: string }>("POST", `${path}/invitation`);
                await onLink(user.name, invitationUrl);
              }}
            >
              New link
            </Button>
            {service && (
              <Button
                size="small"
                label={`${user.oidc ? "No login" : "Login"} with ${service} for ${user.name}`}
                onPress={() => change({ hasOidc: user.oidc === null })}
              >
                {user.oidc ? "No login" : "Login"} with {service}
              </Button>
            )}
            <Button
              size="small"
              label={`${user.isDisabled ? "Enable" : "Disable"} ${user.name}`}
              onPress={() => change({ isDisabled: !user.isDisabled })}
            >
              {user.isDisabled ? "Enable" : "Disable"}
            </Button>
            <RemoveUser user={user} onRemoved={onChange} />
          </div>
        )}
      </div>
    </li>
  );
}

function RemoveUser({ user, onRemoved }: { user: User; onRemoved: () => Promise<void> }) {
  const isAsking = useSignal(false);
  const close = () => {
    isAsking.value = false;
  };
  return (
    <>
      <Button
        size="small"
        kind="quiet"
        icon="trash"
        iconOnly
        label={`Remove ${user.name}`}
        onPress={() => {
          isAsking.value = true;
        }}
      >
        Remove
      </Button>
      {isAsking.value && (
        <Dialog title={`Remove ${user.name}?`} onClose={close}>
          <div class="dialog-body">
            <p>Their images, machines and profiles become yours. This cannot be undone.</p>
            <div class="dialog-foot">
              <Button kind="quiet" onPress={close}>
                Cancel
              </Button>
              <Button
                kind="danger"
                onPress={async () => {
                  await send("DELETE", `users/${encodeURIComponent(user.name)}`);
                  close();
                  notify(`${user.name} was removed`);
                  await onRemoved();
                }}
              >
                Remove
              </Button>
            </div>
          </div>
        </Dialog>
      )}
    </>
  );
}

function Invite({ onClose, onMade }: { onClose: () => void; onMade: (name: string, url: string) => Promise<void> }) {
  const name = useSignal("");
  const role = useSignal<string>("builder");
  const error = useSignal("");
  const invite = async () => {
    try {
      const made = await send<{ invitationUrl: string }>("POST", "users", {
        name: name.value.trim(),
        role: role.value,
      });
      await onMade(name.value.trim(), made.invitationUrl);
    } catch (problem) {
      error.value = problem instanceof Error ? problem.message : String(problem);
    }
  };
  return (
    <Dialog title="Invite somebody" onClose={onClose}>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          void invite();
        }}
      >
        <TextField
          label="Name"
          required
          value={name.value}
          error={error.value}
          onInput={(value) => {
            name.value = value;
          }}
        />
        <SelectField
          label="Role"
          value={role.value}
          options={ROLES}
          onChange={(value) => {
            role.value = value;
          }}
        />
        <div class="dialog-foot">
          <Button kind="quiet" onPress={onClose}>
            Cancel
          </Button>
          <Button kind="primary" type="submit">
            Make a link
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
