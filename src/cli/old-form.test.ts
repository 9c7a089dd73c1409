import { describe, expect, it } from "vitest";
import { arrangeOldForm } from "./old-form.ts";

describe("arrangeOldForm", () => {
  it.each([
    ["kvm debian --suite trixie", "kvm debian --suite trixie"],
    ["--suite trixie kvm debian -o", "kvm debian --suite trixie -o"],
    ["ubuntu-vm-builder --arch amd64 kvm noble", "ubuntu-vm-builder kvm noble --arch amd64"],
    ["ubuntu-vm-builder --help", "ubuntu-vm-builder --help"],
    ["build --hypervisor kvm -n", "build --hypervisor kvm -n"],
    ["--version", "--version"],
    ["--help kvm", "--help kvm"],
  ])("makes of %s: %s", (given, arranged) => {
    expect(arrangeOldForm(given.split(" "))).toEqual(arranged.split(" "));
  });
});
