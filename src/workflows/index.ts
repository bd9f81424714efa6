export { trainingCycle } from './training-cycle.ts';
