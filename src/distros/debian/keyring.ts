/** Debian's archive keys, at the same place on the host and in the guest. */
export const DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
