import type { RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import { StartError } from '../../shared/errors';
import { operationOfRoute } from './table';
import type { OperationId } from './table';

/** Options of {@link operationsPlugin}. */
export interface OperationsPluginOptions {
  /** Told of each operation that has a route. */
  readonly served: (id: OperationId) => void;
}

function claim(route: RouteOptions, method: string): OperationId {
  const found = operationOfRoute(method, route.url);
  if (found === undefined) throw new StartError('LNMT8106', `route ${method} ${route.url}`);
  const [id, { access }] = found;
  const stated = route.config?.access;
  if (stated !== undefined && stated !== access) {
    throw new StartError('LNMT8106', `route ${method} ${route.url} says ${stated}, the table says ${access}`);
  }
  route.config = { ...route.config, access, operation: id };
  return id;
}

/** Gives every route the operation and the permission of its row. Register it before the routes. */
export const operationsPlugin = fp<OperationsPluginOptions>(
  async (app, { served }) => {
    app.addHook('onRoute', (route) => {
      for (const method of [route.method].flat()) served(claim(route, method));
    });
  },
  { name: 'lnmt-operations', fastify: '5.x' },
);
