/** A quarter of the simulator's seeds: files run side by side. See simulator.test.ts. */
import './parts.ts';
import { holds } from './seeds.ts';

holds(51, 75);
