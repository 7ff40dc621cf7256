// A client's notification endpoint (CIBA §10.2 and §10.3): keeps each call under the bearer token it came with.

import * as http from 'node:http'
import * as https from 'node:https'

export class Notifications {
  #server
  #scheme
  #calls = new Map()

  /** With a certificate it speaks TLS. */
  static async listen({ port = 0, certificate } = {}) {
    const notifications = new Notifications()
    const take = (request, response) => notifications.#take(request, response)
    notifications.#scheme = certificate ? 'https' : 'http'
    notifications.#server = certificate ? https.createServer(certificate, take) : http.createServer(take)
    await new Promise((resolve) => notifications.#server.listen(port, '127.0.0.1', resolve))
    return notifications
  }

  get url() {
    return `${this.#scheme}://localhost:${this.#server.address().port}/notify`
  }

  /** The call under this token, when it comes: its method, content type and body, read as JSON. */
  called(token) {
    return this.#call(token).came
  }

  close() {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async #take(request, response) {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    const body = JSON.parse(await text(request))
    this.#call(token).come({ method: request.method, type: request.headers['content-type'], body })
    response.writeHead(204).end()
  }

  #call(token) {
    if (!this.#calls.has(token)) {
      const call = {}
      call.came = new Promise((resolve) => (call.come = resolve))
      this.#calls.set(token, call)
    }
    return this.#calls.get(token)
  }
}

async function text(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}
