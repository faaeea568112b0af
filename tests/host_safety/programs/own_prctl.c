// A prctl of its own, for a library that is preloaded behind another.
int prctl(int option, ...);
int prctl(int option, ...) { return option == 3 /* PR_GET_DUMPABLE */ ? 4711 : 0; }
