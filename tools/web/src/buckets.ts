// The ledger's buckets in their order, as `mla why` names them, and their colours: what is in use
// is blue and green, what is free red and orange.
export const BUCKETS = [
  { id: "live", label: "live, as requested", colour: "c-live", free: false },
  { id: "rounding", label: "rounding", colour: "c-rounding", free: false },
  { id: "allocator_metadata", label: "allocator's tables", colour: "c-metadata", free: false },
  { id: "allocator_pinned", label: "free, pages pinned", colour: "c-pinned", free: true },
  { id: "allocator_free", label: "free, whole pages", colour: "c-free", free: true },
  { id: "python_live", label: "pymalloc: live", colour: "c-pylive", free: false },
  { id: "python_free", label: "pymalloc: free", colour: "c-pyfree", free: true },
  { id: "python_arenas", label: "Python arenas", colour: "c-arenas", free: false },
  { id: "mappings", label: "other mappings", colour: "c-mappings", free: false },
  { id: "stacks", label: "thread stacks", colour: "c-stacks", free: false },
  { id: "files", label: "programs, libraries", colour: "c-files", free: false },
  { id: "shared", label: "shared memory", colour: "c-shared", free: false },
  { id: "mla", label: "mla itself", colour: "c-mla", free: false },
] as const;
