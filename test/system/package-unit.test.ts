import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";

it("the service's unit has nothing from which systemd 252 concludes that no program may get more rights: newuidmap must", async () => {
  const unit = "packaging/deb/vmbuilder-web/root/usr/lib/systemd/system/vmbuilder-web.service";
  const text = await readFile(join(import.meta.dirname, "../..", unit), "utf8");
  const implying =
    /^(NoNewPrivileges|Restrict\w+|SystemCall\w+|MemoryDenyWriteExecute|PrivateDevices|LockPersonality|Protect(Clock|Hostname|Kernel\w+))=/m;
  expect(text).toMatch(/^CapabilityBoundingSet=.*CAP_SETUID/m);
  expect(text).not.toMatch(implying);
});
