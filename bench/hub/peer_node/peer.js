// The Node peer of bench/hub.py: `ws`, typed JSON in and out, nothing else.
//
//   node peer.js PORT [PEM]    with a PEM file (key and chain) it speaks TLS
'use strict';

const fs = require('fs');
const http = require('http');
const https = require('https');
const { WebSocketServer } = require('ws');

const [port, pem] = process.argv.slice(2);

function isText(value, longest) {
  return typeof value === 'string' && value.length > 0 && value.length <= longest;
}

// The same checks as the decoders of the others: every field has its type, arguments are text to text.
function isCommand(message) {
  if (message.type !== 'command' || !isText(message.id, 64) || !isText(message.name, 64)) return false;
  if (!Number.isInteger(message.epoch) || !Number.isInteger(message.ttl_ms)) return false;
  for (const key in message.arguments) {
    if (typeof message.arguments[key] !== 'string') return false;
  }
  return true;
}

function answer(socket, data) {
  const request = JSON.parse(data);
  if (!isCommand(request)) return socket.terminate();
  const { source, host } = request.arguments;
  const output = `5 packets from ${source} to ${host}: 5 received, 0 lost, round trip min/avg/max 1.840/2.012/2.377 ms, in order`;
  socket.send(JSON.stringify({ type: 'command-result', id: request.id, outcome: 'done', output }));
}

const keys = pem && fs.readFileSync(pem);
const server = pem ? https.createServer({ key: keys, cert: keys, minVersion: 'TLSv1.3' }) : http.createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on('connection', (socket) => {
  socket.on('message', (data) => answer(socket, data));
  socket.on('error', () => socket.terminate());
});
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
