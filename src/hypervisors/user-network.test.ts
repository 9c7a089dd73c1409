import { expect, it } from "vitest";
import { planNetwork } from "../model/network.ts";
import { recipeSchema } from "../model/recipe.ts";
import { networkLines } from "./qemu-network.ts";
import { userNetwork } from "./user-network.ts";

const planOf = (recipe: object) => planNetwork(recipeSchema.parse(recipe));

it.each([
  [{}, "user,id=net0", ""],
  // the gateway is the name server, too
  [{ ip: "192.168.1.10" }, "user,id=net0,net=192.168.1.0/24,host=192.168.1.254,dns=192.168.1.1", "192.168.1.10"],
  [{ ip: "192.168.1.254" }, "user,id=net0,net=192.168.1.0/24,host=192.168.1.253,dns=192.168.1.1", "192.168.1.254"],
  [
    { ip: "10.0.2.77/24", gw: "10.0.2.2", dns: "10.0.2.3" },
    "user,id=net0,net=10.0.2.0/24,host=10.0.2.2,dns=10.0.2.3",
    "10.0.2.77",
  ],
  [
    { ip: "192.168.1.10", dns: "9.9.9.9" },
    "user,id=net0,net=192.168.1.0/24,host=192.168.1.254,dns=192.168.1.1",
    "192.168.1.10",
  ],
  [{ ip: "2001:db8::5/64" }, "user,id=net0,ipv6-net=2001:db8:0:0:0:0:0:0/64", ""],
  [
    { ip6: "2001:db8::5", gw6: "2001:db8::1", dns: ["2001:db8::53", "9.9.9.9"] },
    "user,id=net0,ipv6-net=2001:db8:0:0:0:0:0:0/64,ipv6-host=2001:db8::1,ipv6-dns=2001:db8::53",
    "",
  ],
  [{ ip6: "2001:db8::5/128" }, "user,id=net0", ""],
])("offers %j the network that it expects", (recipe, options, guest) => {
  const [one] = planOf(recipe).interfaces;
  expect(one && userNetwork(one)).toEqual({ options, guest });
});

it("gives each interface a card, the first one first", () => {
  const interfaces = [{}, { ip: "192.0.2.9/28" }, { mac: "52:54:00:00:00:02" }];
  expect(networkLines(planOf({ interfaces })).commands).toEqual([
    'set -- -netdev user,id=net2,net=10.0.4.0/24 -device virtio-net-pci,netdev=net2,mac=52:54:00:00:00:02 "$@"',
    'set -- -netdev user,id=net1,net=192.0.2.0/28,host=192.0.2.1 -device virtio-net-pci,netdev=net1 "$@"',
    `port=\${SSH_PORT:-2222}`,
    "net=user,id=net0",
    '[ "$port" = none ] || net=$net,hostfwd=tcp:127.0.0.1:$port-:22',
    'set -- -netdev "$net" -device virtio-net-pci,netdev=net0 "$@"',
  ]);
});

it("connects cards to bridges, and to the bridges of networks", () => {
  const { commands, remarks } = networkLines(planOf({ bridge: "br0", interfaces: [{}, { network: "default" }] }));
  expect(commands.at(-1)).toBe('set -- -netdev bridge,id=net0,br=br0 -device virtio-net-pci,netdev=net0 "$@"');
  expect(commands[0]).toContain("net-info default ");
  expect(remarks.join()).not.toContain("SSH_PORT");
});
