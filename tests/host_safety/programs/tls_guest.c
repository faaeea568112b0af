// Takes 64 bytes of the little that is left of static thread-local storage once a program runs.
__thread char tls_guest_bytes[64] __attribute__((tls_model("initial-exec")));
char* tls_guest_touch(void) {
  tls_guest_bytes[0] = 1;
  return tls_guest_bytes;
}
