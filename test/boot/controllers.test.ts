import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootMachine, CONTROLLERS } from "../fixtures/booted-machine.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";

let workshop: Workshop;
let image: string;

beforeAll(async () => {
  workshop = await openWorkshop();
  image = join(await workshop.build("disks"), "disks.qcow2");
});
afterAll(() => workshop?.close());

const others = Object.keys(CONTROLLERS).filter((name) => name !== "virtio") as (keyof typeof CONTROLLERS)[];

test.for(others)("finds its disk behind %s", async (controller) => {
  const booted = await bootMachine({ image, controller });
  try {
    await booted.waitForSerial(/Hostname set to <disks>|Gave up waiting for root/); // its own systemd, from its own disk
    expect(booted.serial()).not.toContain("Gave up waiting for root");
  } finally {
    await booted.stop();
  }
});
