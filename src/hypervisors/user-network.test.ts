import { expect, it } from "vitest";
import { planNetwork } from "../model/network.ts";
import { recipeSchema } from "../model/recipe.ts";
import { userNetwork } from "./user-network.ts";

it.each([
  [{}, "user,id=net0", ""],
  [{ ip: "2001:db8::5/64" }, "user,id=net0", ""],
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
])("offers %j the network that it expects", (recipe, options, guest) => {
  expect(userNetwork(planNetwork(recipeSchema.parse(recipe)))).toEqual({ options, guest });
});
