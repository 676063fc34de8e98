/** All tables, room by room: each room owns its table interfaces in its own `tables.ts`; this file only joins them. */
// biome-ignore lint: the join grows by one line per room
export interface Tables {}
