/** Ubuntu's archive keys, at the same place on the host and in the guest. */
export const UBUNTU_KEYRING = "/usr/share/keyrings/ubuntu-archive-keyring.gpg";

/** Components that an installation of Ubuntu has. */
export const COMPONENTS: readonly string[] = ["main", "universe"];
