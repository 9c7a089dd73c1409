import { send } from "../api/client.ts";
import type { Profile } from "../api/types.ts";
import { Button, ButtonLink } from "../parts/button.tsx";
import { formatAgo } from "../parts/format.ts";
import { Page } from "../parts/page.tsx";
import { Badge, Empty, Loading } from "../parts/states.tsx";
import { loadProfiles, profiles } from "../state/live.ts";
import { notify, notifyError } from "../state/notices.ts";
import { mayBuild } from "../state/session.ts";
import { editAddress } from "./build-actions.ts";

/** Recipes to begin with. */
export function Profiles() {
  const all = profiles.value;
  return (
    <Page title="Profiles" lead="Recipes to begin with: your own, and those that others share.">
      {all === undefined && <Loading />}
      {all?.length === 0 && (
        <Empty icon="bookmark" title="No profiles yet">
          <p>Fill in the form for a new machine and save it as a profile.</p>
          {mayBuild.value && (
            <ButtonLink href="#/new" kind="primary" icon="plus">
              New machine
            </ButtonLink>
          )}
        </Empty>
      )}
      <ul class="tiles">
        {all?.map((profile) => (
          <ProfileTile key={profile.id} profile={profile} />
        ))}
      </ul>
    </Page>
  );
}

function ProfileTile({ profile }: { profile: Profile }) {
  const path = `profiles/${encodeURIComponent(profile.id)}`;
  const change = (body: Partial<Profile>) =>
    send("PUT", path, { name: profile.name, yaml: profile.yaml, isShared: profile.isShared, ...body });
  const remove = async () => {
    await send("DELETE", path);
    await loadProfiles();
    notify(`“${profile.name}” was removed`, {
      label: "Undo",
      run: () => void restore().catch(notifyError),
    });
  };
  const restore = async () => {
    const { name, yaml, isShared } = profile;
    await send("POST", "profiles", { name, yaml, isShared });
    await loadProfiles();
  };
  return (
    <li class="tile">
      <div class="tile-head">
        <div class="tile-title">
          <h2>{profile.name}</h2>
          <span class="note">
            by {profile.owner}, {formatAgo(profile.changedAt)}
          </span>
        </div>
        {profile.isShared && <Badge icon="people">shared</Badge>}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls can be reached by keyboard */}
      <section class="recipe-text" tabIndex={0} aria-label={`Recipe of ${profile.name}`}>
        <pre>{profile.yaml}</pre>
      </section>
      <div class="tile-foot">
        {mayBuild.value && (
          <ButtonLink
            size="small"
            kind="primary"
            icon="plus"
            href={`#${editAddress(`profiles/${profile.id}`)}`}
            label={`Use ${profile.name}`}
          >
            Use
          </ButtonLink>
        )}
        {profile.can.edit && (
          <>
            <Button
              size="small"
              icon="people"
              label={`${profile.isShared ? "Stop sharing" : "Share"} ${profile.name}`}
              onPress={async () => {
                await change({ isShared: !profile.isShared });
                await loadProfiles();
              }}
            >
              {profile.isShared ? "Stop sharing" : "Share"}
            </Button>
            <Button size="small" kind="quiet" icon="trash" iconOnly label={`Remove ${profile.name}`} onPress={remove}>
              Remove
            </Button>
          </>
        )}
      </div>
    </li>
  );
}
