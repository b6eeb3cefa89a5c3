/* made by mercure-deploy kit */
import { Controller } from '@hotwired/stimulus';
import { start } from '../mercure_stream.js';

/**
 * The stream of ../mercure_stream.js on an element: data-controller="mercure", with its data-hub and data-renew.
 *
 * Updates come as the event mercure:update: data-action="mercure:update->books#show".
 */
export default class extends Controller {
    connect() {
        this.end = start(this.element);
    }

    disconnect() {
        this.end();
    }
}
