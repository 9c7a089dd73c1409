import { useSignal } from "@preact/signals";
import { ApiError, send } from "../api/client.ts";
import type { Profile } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { SwitchField, TextField } from "../parts/input.tsx";
import { loadProfiles } from "../state/live.ts";
import { notify, notifyError } from "../state/notices.ts";
import { request, SECRET_KEYS } from "./draft.ts";

/** Saves the draft, without its passwords, to begin with another time. */
export function SaveProfile() {
  const isOpen = useSignal(false);
  const name = useSignal("");
  const isShared = useSignal(false);
  const error = useSignal("");
  const hasFiles = Object.keys(request.value.files).length > 0;
  const close = () => {
    isOpen.value = false;
  };
  const save = async () => {
    const { recipe } = request.value;
    const plain = Object.fromEntries(Object.entries(recipe).filter(([key]) => !SECRET_KEYS.includes(key)));
    try {
      const body = { name: name.value.trim(), recipe: plain, isShared: isShared.value };
      const saved = await send<Profile>("POST", "profiles", body);
      close();
      notify(`Saved as “${saved.name}”`);
      await loadProfiles();
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      error.value = problem.problem.hint ? `${problem.message} – ${problem.problem.hint}` : problem.message;
    }
  };
  return (
    <>
      <Button
        icon="bookmark"
        onPress={() => {
          error.value = "";
          isOpen.value = true;
        }}
      >
        Save as profile
      </Button>
      {isOpen.value && (
        <Dialog title="Save as profile" onClose={close}>
          <form
            class="dialog-body"
            onSubmit={(event) => {
              event.preventDefault();
              void save().catch(notifyError);
            }}
          >
            <TextField
              label="Name"
              required
              value={name.value}
              error={error.value}
              help={
                hasFiles ? "Passwords and files are left out: they are asked for again." : "Passwords are left out."
              }
              onInput={(value) => {
                name.value = value;
              }}
            />
            <SwitchField
              label="Share with everybody on this server"
              checked={isShared.value}
              onChange={(checked) => {
                isShared.value = checked;
              }}
            />
            <div class="dialog-foot">
              <Button kind="quiet" onPress={close}>
                Cancel
              </Button>
              <Button kind="primary" type="submit">
                Save
              </Button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  );
}
