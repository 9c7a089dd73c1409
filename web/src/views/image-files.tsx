import { apiUrl } from "../api/client.ts";
import type { Image, ImageFile } from "../api/types.ts";
import { ButtonLink, CopyButton } from "../parts/button.tsx";
import { formatBytes } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";

/** The address of a file of an image. */
export function fileUrl(image: Image, file: ImageFile): string {
  return apiUrl(`images/${encodeURIComponent(image.id)}/files/${encodeURIComponent(file.name)}`);
}

/** Downloads the disk, the first of them when there are several. */
export function DownloadButton({ image, size }: { image: Image; size?: "small" }) {
  const disk = image.files.find(({ format }) => format !== null) ?? image.files[0];
  if (!disk) return null;
  return (
    <ButtonLink
      kind="primary"
      icon="download"
      href={fileUrl(image, disk)}
      download={disk.name}
      label={`Download ${formatBytes(disk.sizeBytes)}, ${disk.name}`}
      {...(size ? { size } : {})}
    >
      {`Download ${formatBytes(disk.sizeBytes)}`}
    </ButtonLink>
  );
}

/** Every file with its format, size, and what it can be checked with. */
export function ImageFiles({ image }: { image: Image }) {
  return (
    <ul class="file-list">
      {image.files.map((file) => (
        <li key={file.name} class="file">
          <Icon name={file.format ? "drive" : "file"} />
          <div class="file-main">
            <span class="file-name">{file.name}</span>
            <span class="file-note">
              {file.format && <strong>{file.format}</strong>}
              {formatBytes(file.sizeBytes)}
              <span class="checksum" title={`SHA-256 ${file.sha256}`}>
                {`SHA-256 ${file.sha256.slice(0, 12)}…`}
              </span>
              <CopyButton text={file.sha256} what={`SHA-256 of ${file.name}`} />
            </span>
          </div>
          <ButtonLink
            icon="download"
            size="small"
            href={fileUrl(image, file)}
            download={file.name}
            label={`Download ${file.name}`}
          >
            Download
          </ButtonLink>
        </li>
      ))}
    </ul>
  );
}
