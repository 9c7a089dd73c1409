import { useSignal } from "@preact/signals";
import { ApiError, send } from "../api/client.ts";
import type { Image, Machine } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { SwitchField, TextField } from "../parts/input.tsx";
import { takeMachine } from "../state/live.ts";
import { notifyError } from "../state/notices.ts";
import { go } from "../state/router.ts";

/** Makes a machine from an image and starts it, after a question or two. */
export function RunImage({ image }: { image: Image }) {
  const isOpen = useSignal(false);
  const name = useSignal(image.name);
  const memory = useSignal("");
  const cpus = useSignal("");
  const isStarted = useSignal(true);
  const error = useSignal("");
  const close = () => {
    isOpen.value = false;
  };
  const run = async () => {
    const number = (text: string) => (text.trim() === "" ? {} : Number(text));
    const more = { memoryMb: number(memory.value), cpus: number(cpus.value) };
    const given = Object.fromEntries(Object.entries(more).filter(([, value]) => typeof value === "number"));
    try {
      const body = { imageId: image.id, name: name.value.trim(), isStarted: isStarted.value, ...given };
      const machine = await send<Machine>("POST", "machines", body);
      takeMachine(machine);
      close();
      go(`/machines/${encodeURIComponent(machine.id)}`);
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      error.value = problem.problem.hint ? `${problem.message} – ${problem.problem.hint}` : problem.message;
    }
  };
  return (
    <>
      <Button
        icon="play"
        onPress={() => {
          error.value = "";
          isOpen.value = true;
        }}
      >
        Run
      </Button>
      {isOpen.value && (
        <Dialog title={`Run ${image.name}`} onClose={close}>
          <form
            class="dialog-body"
            onSubmit={(event) => {
              event.preventDefault();
              void run().catch(notifyError);
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
            <div class="two-fields">
              <TextField
                label="Memory in MiB"
                value={memory.value}
                placeholder="as built"
                onInput={(value) => {
                  memory.value = value;
                }}
              />
              <TextField
                label="Processors"
                value={cpus.value}
                placeholder="as built"
                onInput={(value) => {
                  cpus.value = value;
                }}
              />
            </div>
            <SwitchField
              label="Start it at once"
              checked={isStarted.value}
              onChange={(checked) => {
                isStarted.value = checked;
              }}
            />
            <p class="field-help">
              The machine has the image's accounts and keys, ids of its own, and a disk that grows as it writes.
            </p>
            <div class="dialog-foot">
              <Button kind="quiet" onPress={close}>
                Cancel
              </Button>
              <Button kind="primary" type="submit">
                Make the machine
              </Button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  );
}
