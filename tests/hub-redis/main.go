// A hub whose updates are shared with others through Redis. The transport is for the tests alone, written against
// Mercure's public interface: what several hubs behind one name do is asked of it, and not how a vendor's does it.
package main

import (
	"context"
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/dunglas/mercure"
	mercurecaddy "github.com/dunglas/mercure/caddy"
	"github.com/redis/go-redis/v9"
)

func init() { caddy.RegisterModule(&Redis{}) }

// Redis is `transport redis { url URL  stream NAME }`.
type Redis struct {
	URL    string `json:"url"`
	Stream string `json:"stream"`
	shared *shared
}

func (*Redis) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.mercure.redis", New: func() caddy.Module { return new(Redis) }}
}

func (r *Redis) GetTransport() mercure.Transport { return r.shared }

// Provision keeps one connection through reloads, as the streams that hang on it stay too.
func (r *Redis) Provision(ctx caddy.Context) error {
	url := caddy.NewReplacer().ReplaceAll(r.URL, "")
	size := ctx.Value(mercurecaddy.SubscriberListCacheSizeContextKey).(int)
	found, _, err := mercurecaddy.TransportUsagePool.LoadOrNew("redis "+url+" "+r.Stream, func() (caddy.Destructor, error) {
		options, err := redis.ParseURL(url)
		if err != nil {
			return nil, err
		}
		made := newShared(redis.NewClient(options), r.Stream, size)
		return mercurecaddy.TransportDestructor[*shared]{Transport: made}, made.listen()
	})
	if err != nil {
		return err
	}
	r.shared = found.(mercurecaddy.TransportDestructor[*shared]).Transport
	return nil
}

func (r *Redis) Cleanup() error {
	_, err := mercurecaddy.TransportUsagePool.Delete("redis " + caddy.NewReplacer().ReplaceAll(r.URL, "") + " " + r.Stream)
	return err
}

func (r *Redis) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	for d.NextBlock(0) {
		word := d.Val()
		if !d.NextArg() {
			return d.ArgErr()
		}
		switch word {
		case "url":
			r.URL = d.Val()
		case "stream":
			r.Stream = d.Val()
		default:
			return d.Errf("unrecognized option %q", word)
		}
	}
	return nil
}

// shared hands what is published to Redis, and what comes from there to the subscribers of this process.
type shared struct {
	*mercure.LocalTransport
	client *redis.Client
	stream string
	heard  *redis.PubSub
}

func newShared(client *redis.Client, stream string, size int) *shared {
	return &shared{mercure.NewLocalTransport(mercure.NewSubscriberList(size)), client, stream, nil}
}

func (s *shared) listen() error {
	s.heard = s.client.Subscribe(context.Background(), s.stream)
	if _, err := s.heard.Receive(context.Background()); err != nil {
		return err
	}
	go func() {
		for message := range s.heard.Channel() {
			update := new(mercure.Update)
			if json.Unmarshal([]byte(message.Payload), update) == nil {
				_ = s.LocalTransport.Dispatch(context.Background(), update)
			}
		}
	}()
	return nil
}

func (s *shared) Dispatch(ctx context.Context, update *mercure.Update) error {
	update.AssignUUID()
	text, err := json.Marshal(update)
	if err != nil {
		return err
	}
	return s.client.Publish(ctx, s.stream, text).Err()
}

func (s *shared) Close(ctx context.Context) error {
	_ = s.heard.Close()
	_ = s.client.Close()
	return s.LocalTransport.Close(ctx)
}

func main() { caddycmd.Main() }
