import { describe, expect, it } from "vitest";
import { arrangeOldForm } from "./old-form.ts";

const arrange = (...args: string[]) => arrangeOldForm(args, ["kvm", "qemu"]);

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
    expect(arrange(...given.split(" "))).toEqual(arranged.split(" "));
  });

  it.each([
    ["xen debian", "there are no machines for xen yet"],
    ["ubuntu-vm-builder esxi noble", "there are no machines for esxi yet"],
    ["ubuntu-vm-builder bochs noble", 'there is no hypervisor "bochs"'],
  ])("refuses %s in one line", (given, message) => {
    expect(() => arrange(...given.split(" "))).toThrow(
      expect.objectContaining({ code: "usage", message, hint: "choose one of: kvm, qemu" }),
    );
  });
});
