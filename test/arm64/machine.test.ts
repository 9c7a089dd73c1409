import { describeForeignMachine } from "../fixtures/foreign-machine.ts";

describeForeignMachine({ hostname: "arm", architecture: "arm64", loader: "BOOTAA64.EFI", serial: "ttyAMA0" });
