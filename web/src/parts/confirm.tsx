import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import type { IconName } from "./icon.tsx";

/** A button for what can't be undone: it asks first. */
export function ConfirmButton({
  icon,
  kind = "quiet",
  size,
  text,
  label,
  title,
  children,
  onConfirm,
}: {
  icon: IconName;
  kind?: "quiet" | "danger";
  size?: "small";
  text: string;
  label?: string;
  title: string;
  children: ComponentChildren;
  onConfirm: () => Promise<unknown>;
}) {
  const isAsking = useSignal(false);
  const close = () => {
    isAsking.value = false;
  };
  return (
    <>
      <Button
        icon={icon}
        kind={kind}
        {...(size ? { size } : {})}
        {...(label ? { label } : {})}
        onPress={() => {
          isAsking.value = true;
        }}
      >
        {text}
      </Button>
      {isAsking.value && (
        <Dialog title={title} onClose={close}>
          <div class="dialog-body">
            <div>{children}</div>
            <div class="dialog-foot">
              <Button kind="quiet" onPress={close}>
                Cancel
              </Button>
              <Button
                kind="danger"
                onPress={async () => {
                  await onConfirm();
                  close();
                }}
              >
                {text}
              </Button>
            </div>
          </div>
        </Dialog>
      )}
    </>
  );
}
