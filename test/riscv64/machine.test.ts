import { describeForeignMachine } from "../fixtures/foreign-machine.ts";

describeForeignMachine({ hostname: "riscv", architecture: "riscv64", loader: "BOOTRISCV64.EFI", serial: "ttyS0" });
