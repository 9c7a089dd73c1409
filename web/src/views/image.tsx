import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../api/client.ts";
import type { Image as ImageData } from "../api/types.ts";
import { RunImage } from "../machines/run-image.tsx";
import { Button, ButtonLink } from "../parts/button.tsx";
import { formatAgo, formatBytes, formatDate, formatSystem } from "../parts/format.ts";
import { SwitchField } from "../parts/input.tsx";
import { Page } from "../parts/page.tsx";
import { Badge, Empty, Loading, Message } from "../parts/states.tsx";
import { images, removedImages, takeImage } from "../state/live.ts";
import { notifyError } from "../state/notices.ts";
import { go } from "../state/router.ts";
import { mayBuild } from "../state/session.ts";
import { editAddress, repeatBuild } from "./build-actions.ts";
import { removeImage, restoreImage, shareImage } from "./image-actions.tsx";
import { DownloadButton, ImageFiles } from "./image-files.tsx";
import { ShareLinks } from "./share-links.tsx";
import { StartHints } from "./start-hints.tsx";

const BACK = { href: "#/", text: "Images" };

/** One machine: its files, links to it, and what can be done with it. */
export function Image({ id }: { id: string }) {
  const image = [...(images.value ?? []), ...removedImages.value].find((one) => one.id === id);
  const isMissing = useSignal(false);
  useEffect(() => {
    void get<ImageData>(`images/${encodeURIComponent(id)}`).then(takeImage, () => {
      isMissing.value = true;
    });
  }, [id, isMissing]);
  if (!image)
    return (
      <Page title={isMissing.value ? "No such image" : "Image"} back={BACK}>
        {isMissing.value ? <Empty icon="alert" title="There is no image here, or it isn't yours" /> : <Loading />}
      </Page>
    );
  return (
    <Page
      title={image.name}
      back={BACK}
      lead={
        <>
          <span>
            {formatSystem(image)} · {image.architecture} · {formatBytes(image.sizeBytes)}
          </span>
          <span title={formatDate(image.createdAt)}>
            made {formatAgo(image.createdAt)} by {image.owner}
          </span>
          {image.isShared && <Badge icon="people">shared</Badge>}
        </>
      }
      actions={<Actions image={image} />}
    >
      {image.removedAt !== null && (
        <Message kind="warn" title={`Removed, and gone for good ${image.purgeAt ? formatAgo(image.purgeAt) : "soon"}`}>
          <Button size="small" icon="redo" onPress={() => restoreImage(image)}>
            Bring it back
          </Button>
        </Message>
      )}
      <div class="image-grid">
        <div class="stack">
          <section class="card" aria-labelledby="files">
            <h2 id="files">Files</h2>
            <ImageFiles image={image} />
            <p class="field-help">A download that breaks off goes on where it was.</p>
          </section>
          <StartHints image={image} />
        </div>
        {image.can.edit && image.removedAt === null && (
          <section class="card" aria-labelledby="share">
            <h2 id="share">Share</h2>
            <SwitchField
              label="Everybody on this server may see and download it"
              checked={image.isShared}
              onChange={(isShared) => void shareImage(image, isShared).catch(notifyError)}
            />
            <ShareLinks image={image} />
          </section>
        )}
      </div>
    </Page>
  );
}

function Actions({ image }: { image: ImageData }) {
  if (image.removedAt !== null) return null;
  return (
    <>
      <DownloadButton image={image} />
      {mayBuild.value && (
        <>
          <RunImage image={image} />
          <Button icon="redo" onPress={() => repeatBuild(image.buildId, `images/${image.id}`)}>
            Rebuild
          </Button>
          <ButtonLink icon="edit" href={`#${editAddress(`images/${image.id}`)}`}>
            Edit and build
          </ButtonLink>
        </>
      )}
      {image.can.remove && (
        <Button
          kind="quiet"
          icon="trash"
          onPress={async () => {
            await removeImage(image);
            go("/", { replace: true });
          }}
        >
          Remove
        </Button>
      )}
    </>
  );
}
