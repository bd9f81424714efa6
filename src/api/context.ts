import type { OpenAPIHono } from '@hono/zod-openapi';

/** What the middleware leaves for the handlers. */
export interface AppEnv {
  Variables: {
    /** Whose API key the request came with. */
    owner: string;
    requestId: string;
  };
}

/** The app that resources add their routes to. */
export type App = OpenAPIHono<AppEnv>;

/** Adds one resource's routes. */
export type Routes = (app: App) => void;

/** The owner of everything, as long as there is one API key at most. */
export const soleOwner = 'local';
