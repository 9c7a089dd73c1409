import type { Image } from "../api/types.ts";

/** What to do with the file of an image that describes the machine to its hypervisor. */
const HINTS: readonly { readonly ending: string; readonly where: string; readonly what: string }[] = [
  { ending: "run.sh", where: "KVM and QEMU", what: "Put it and the disk into one folder and start it: sh run.sh" },
  { ending: "-esxi.vmx", where: "VMware ESXi", what: "Upload it with its disk to a datastore and register it there." },
  { ending: ".vmx", where: "VMware", what: "Put it and the .vmdk into one folder and open it." },
  { ending: ".vbox", where: "VirtualBox", what: "Put it and the .vdi into one folder and open it." },
  { ending: ".ova", where: "VMware or VirtualBox", what: "Import it as an appliance." },
  { ending: ".ps1", where: "Hyper-V", what: "Put it and the .vhdx into one folder and run it with PowerShell." },
  { ending: ".xml", where: "libvirt", what: "Put the disk in its place and define it: virsh define FILE" },
  { ending: ".cfg", where: "Xen", what: "Put it and the disk into one folder and start it: xl create FILE" },
];

/** How to start the machine, for each hypervisor that it has a file for. */
export function StartHints({ image }: { image: Image }) {
  const seen = new Set<string>();
  const hints = image.files.flatMap(({ name }) => {
    const hint = HINTS.find(({ ending }) => name.endsWith(ending));
    if (!hint || seen.has(hint.ending)) return [];
    seen.add(hint.ending);
    return [{ name, ...hint }];
  });
  if (hints.length === 0) return null;
  return (
    <section class="card" aria-labelledby="start">
      <h2 id="start">How to start it</h2>
      <dl class="hints">
        {hints.map(({ name, where, what }) => (
          <div key={name}>
            <dt>
              {where} <code>{name}</code>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
