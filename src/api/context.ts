import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Principal } from '../core/access.ts';

/** What the middleware leaves for the handlers. */
export interface AppEnv {
  Variables: {
    /** Who sent the request, by its API key. */
    principal: Principal;
    /** The principal's `owner`. */
    owner: string;
    requestId: string;
  };
}

/** The app that resources add their routes to. */
export type App = OpenAPIHono<AppEnv>;

/** Adds one resource's routes. */
export type Routes = (app: App) => void;
