import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiError, get, send } from "../api/client.ts";
import type { Build, Profile, ShippedRecipe, StoredRecipe } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { SwitchField } from "../parts/input.tsx";
import { Page } from "../parts/page.tsx";
import { Loading, Message } from "../parts/states.tsx";
import { takeBuild } from "../state/live.ts";
import { notifyError } from "../state/notices.ts";
import { go, route } from "../state/router.ts";
import { followDraft, planState, takeProblem } from "./check.ts";
import { keepDraft, replaceDraft, request, secrets, text, yamlMistake } from "./draft.ts";
import { PlanPanel } from "./plan-panel.tsx";
import { RecipeForm } from "./recipe-form.tsx";
import { SaveProfile } from "./save-profile.tsx";
import { loadSchema } from "./schema.ts";
import { YamlEditor } from "./yaml-editor.tsx";

keepDraft();

/** The form, the recipe beside it, the plan, and the button. */
export function NewMachine() {
  const ready = useSignal(false);
  const origin = useSignal("");
  const from = route.value.query.get("from");
  useEffect(() => {
    let stop: (() => void) | undefined;
    void loadSchema()
      .then(() => {
        ready.value = true;
        stop = followDraft();
      })
      .catch(notifyError);
    return () => stop?.();
  }, [ready]);
  useEffect(() => {
    if (!from) return;
    void loadOrigin(from)
      .then((text) => {
        origin.value = text;
      })
      .catch(notifyError);
  }, [from, origin]);
  return (
    <Page
      title="New machine"
      lead={origin.value || "Say what you need. The rest is chosen for you."}
      actions={
        <>
          <SaveProfile />
          <Button kind="quiet" icon="redo" onPress={() => replaceDraft("")}>
            Start over
          </Button>
        </>
      }
    >
      {ready.value ? <Editor /> : <Loading rows={5} />}
    </Page>
  );
}

function Editor() {
  const tab = useSignal<"plan" | "recipe">("plan");
  const isRecipe = tab.value === "recipe";
  return (
    <div class="composer">
      <form class="composer-form" noValidate onSubmit={(event) => event.preventDefault()} aria-label="The machine">
        {yamlMistake.value && (
          <Message kind="warn" title={`Line ${yamlMistake.value.line} of the recipe is not right yet`}>
            <p>The form shows it as it was before, and can be used again when that is mended.</p>
          </Message>
        )}
        <fieldset class="plain" disabled={yamlMistake.value !== undefined}>
          <RecipeForm />
        </fieldset>
      </form>
      <aside class="composer-side" aria-label="Plan and recipe">
        <div class="side-card">
          <div class="tabs" role="tablist">
            <Tab id="plan" text="Plan" isOpen={!isRecipe} onOpen={() => (tab.value = "plan")} />
            <Tab id="recipe" text="Recipe" isOpen={isRecipe} onOpen={() => (tab.value = "recipe")} />
          </div>
          <div role="tabpanel" id="panel" aria-labelledby={`tab-${tab.value}`} class="side-body">
            {isRecipe ? <YamlEditor /> : <PlanPanel />}
          </div>
          <BuildButton />
        </div>
      </aside>
    </div>
  );
}

function Tab({ id, text, isOpen, onOpen }: { id: string; text: string; isOpen: boolean; onOpen: () => void }) {
  return (
    <button
      type="button"
      role="tab"
      id={`tab-${id}`}
      aria-selected={isOpen}
      aria-controls="panel"
      tabIndex={isOpen ? 0 : -1}
      onClick={onOpen}
      onKeyDown={(event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        const other = event.currentTarget.parentElement?.querySelector<HTMLElement>('[aria-selected="false"]');
        other?.click();
        other?.focus();
      }}
    >
      <Icon name={id === "plan" ? "clock" : "code"} />
      {text}
    </button>
  );
}

function BuildButton() {
  const allowNoLogin = useSignal(false);
  const plan = planState.value.state === "planned" ? planState.value.plan : undefined;
  const nobody = plan !== undefined && plan.logins.length === 0;
  const build = async () => {
    if (planState.value.state === "wrong" || (nobody && !allowNoLogin.value)) return showFirstMistake();
    try {
      const body = { ...request.value, ...(nobody ? { allowNoLogin: true } : {}) };
      const headers = { "Idempotency-Key": crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
      const made = await send<Build>("POST", "builds", body, { headers });
      takeBuild(made);
      text.value = "";
      secrets.value = {};
      go(`/builds/${encodeURIComponent(made.id)}`);
    } catch (error) {
      if (!(error instanceof ApiError && error.problem.path?.length)) throw error;
      takeProblem(error.problem);
      setTimeout(showFirstMistake);
    }
  };
  return (
    <div class="build-foot">
      {nobody && (
        <Message kind="warn" title="Nobody could log in to this machine">
          <p>Give it a password or an SSH key.</p>
          <SwitchField
            label="Build it all the same"
            checked={allowNoLogin.value}
            onChange={(checked) => {
              allowNoLogin.value = checked;
            }}
          />
        </Message>
      )}
      <Button kind="primary" size="large" icon="hammer" onPress={build}>
        Build this machine
      </Button>
    </div>
  );
}

/** Leads to what is to be mended first: a wrong field, or those of the login. */
function showFirstMistake(): void {
  const more = document.querySelector<HTMLDetailsElement>("details.more:has(.has-error)");
  if (more) more.open = true;
  const field =
    document.querySelector<HTMLElement>(".composer-form [aria-invalid]") ??
    document.querySelector<HTMLElement>(".composer-form .has-error input") ??
    document.querySelector<HTMLElement>(".composer-form .login-fields input");
  field?.scrollIntoView({ block: "center", behavior: "smooth" });
  field?.focus({ preventScroll: true });
}

/** Begins with a build's, image's or profile's recipe, or with one that comes with vmbuilder, when the address names one: `#/new?from=images/42`. */
async function loadOrigin(from: string): Promise<string> {
  go("/new", { replace: true });
  if (from.startsWith("profiles/")) {
    const profile = await get<Profile>(from);
    replaceDraft(profile.yaml);
    return `From the profile “${profile.name}”.`;
  }
  if (from.startsWith("recipes/")) {
    const recipe = await get<ShippedRecipe>(from);
    replaceDraft(recipe.yaml, recipe.files);
    return `${recipe.title}.`;
  }
  const stored = await get<StoredRecipe>(`${from}/recipe`);
  replaceDraft(stored.yaml, stored.files);
  return stored.hasSecrets
    ? "As it was built before. Its passwords are not kept: give them again."
    : "As it was built before.";
}
