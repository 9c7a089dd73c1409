import { type Signal, signal } from "@preact/signals";
import type { ComponentType, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { get } from "./api/client.ts";
import type { Session } from "./api/types.ts";
import { ButtonLink } from "./parts/button.tsx";
import { Notices } from "./parts/notices.tsx";
import { Page } from "./parts/page.tsx";
import { Empty, Loading, Message } from "./parts/states.tsx";
import { Shell } from "./shell.tsx";
import { followServer, stopFollowing } from "./state/live.ts";
import { notifyError } from "./state/notices.ts";
import { route } from "./state/router.ts";
import { isAdmin, mayBuild, session } from "./state/session.ts";
import { Images } from "./views/images.tsx";
import { Invitation, Login } from "./views/login.tsx";

/** The whole page: the door, or what is behind it. */
export function App() {
  const user = session.value?.user.name;
  useEffect(() => {
    if (session.peek() === undefined)
      void get<Session>("session").then(
        (found) => {
          session.value = found;
        },
        () => {
          session.value = null;
        },
      );
  }, []);
  useEffect(() => {
    if (user === undefined) stopFollowing();
    else void followServer().catch(notifyError);
  }, [user]);
  const [first, token] = route.value.path;
  return (
    <>
      {first === "invitation" && token ? (
        <Invitation token={token} />
      ) : session.value === undefined ? null : session.value === null ? (
        <Login />
      ) : (
        <Shell>
          <View />
        </Shell>
      )}
      <Notices />
    </>
  );
}

function View() {
  const [place = "", id] = route.value.path;
  if (place === "" || (place === "images" && !id)) return <Images />;
  if (place === "images" && id) return <Later key={id} part={image} id={id} />;
  if (place === "builds") return id ? <Later key={id} part={build} id={id} /> : <Later key="builds" part={builds} />;
  if (place === "machines")
    return id ? <Later key={id} part={machine} id={id} /> : <Later key="machines" part={machines} />;
  if (place === "new" && mayBuild.value) return <Later key="new" part={newMachine} />;
  if (place === "profiles") return <Later key="profiles" part={profiles} />;
  if (place === "storage") return <Later key="storage" part={storage} />;
  if (place === "people" && isAdmin.value) return <Later key="people" part={people} />;
  if (place === "account") return <Later key="account" part={account} />;
  return (
    <Page title="Nothing here">
      <Empty icon="info" title="There is nothing at this address">
        <ButtonLink href="#/" kind="primary" icon="stack">
          To the images
        </ButtonLink>
      </Empty>
    </Page>
  );
}

/** A view that is loaded when it is first opened. */
interface Part {
  readonly load: () => Promise<ComponentType<{ id: string }>>;
  readonly view: Signal<ComponentType<{ id: string }> | undefined>;
  readonly failed: Signal<boolean>;
}

function part(load: () => Promise<ComponentType<{ id: string }> | ComponentType>): Part {
  return { load: load as Part["load"], view: signal(undefined), failed: signal(false) };
}

const image = part(async () => (await import("./views/image.tsx")).Image);
const build = part(async () => (await import("./views/build.tsx")).Build);
const builds = part(async () => (await import("./views/builds.tsx")).Builds);
const machine = part(async () => (await import("./machines/machine.tsx")).Machine);
const machines = part(async () => (await import("./machines/machines.tsx")).Machines);
const newMachine = part(async () => (await import("./recipe/new-machine.tsx")).NewMachine);
const profiles = part(async () => (await import("./views/profiles.tsx")).Profiles);
const storage = part(async () => (await import("./views/storage.tsx")).Storage);
const people = part(async () => (await import("./views/people.tsx")).People);
const account = part(async () => (await import("./views/account.tsx")).Account);

function Later({ part: { load, view, failed }, id = "" }: { part: Part; id?: string }): JSX.Element {
  useEffect(() => {
    if (view.peek()) return;
    failed.value = false;
    load().then(
      (loaded) => {
        view.value = loaded;
      },
      () => {
        failed.value = true;
      },
    );
  }, [load, view, failed]);
  const Loaded = view.value;
  if (Loaded) return <Loaded id={id} />;
  if (failed.value)
    return (
      <Message kind="bad" title="This part of the page could not be loaded">
        <p>Reload the page: the server may have been renewed.</p>
      </Message>
    );
  return <Loading />;
}
