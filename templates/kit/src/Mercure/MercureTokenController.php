<?php

// made by mercure-deploy kit

declare(strict_types=1);

namespace App\Mercure;

use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\RequestStack;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpKernel\Attribute\AsController;
use Symfony\Component\Mercure\Authorization;
use Symfony\Component\Security\Core\Authorization\AuthorizationCheckerInterface;

/**
 * GET /mercure/token?topic[]=…: the cookie for those of the topics that this user may see, 204.
 *
 * Whether a user may see a topic is the business of MercureTopicVoter alone. Where nothing is granted the cookie of a
 * former user is cleared, 403.
 */
#[AsController]
final class MercureTokenController
{
    public const SUBSCRIBE = 'MERCURE_SUBSCRIBE';

    /** A browser keeps 4,096 bytes of a cookie and drops a longer one in silence: some 90 topics. */
    public const MOST = 90;

    public function __construct(
        private readonly Authorization $authorization,
        private readonly AuthorizationCheckerInterface $checker,
        private readonly RequestStack $requests,
    ) {
    }

    public function __invoke(Request $request): Response
    {
        if (null !== $this->requests->getParentRequest()) {
            throw new \LogicException('The cookie of a fragment reaches nobody: let the page ask for /mercure/token.');
        }
        $topics = $this->topics($request);
        if (null === $topics) {
            return $this->answer(Response::HTTP_BAD_REQUEST);
        }
        $granted = array_values(array_filter(
            $topics,
            fn (string $topic): bool => $this->checker->isGranted(self::SUBSCRIBE, $topic),
        ));
        if ([] === $granted) {
            $response = $this->answer(Response::HTTP_FORBIDDEN);
            $response->headers->setCookie($this->authorization->createClearCookie($request));

            return $response;
        }
        $cookie = $this->authorization->createCookie($request, $granted);
        $response = $this->answer(Response::HTTP_NO_CONTENT);
        $response->headers->setCookie($cookie);
        // a cookie for the session has a token of an hour
        $lifetime = 0 === $cookie->getExpiresTime() ? 3600 : max(0, $cookie->getExpiresTime() - time());
        $response->headers->set('Mercure-Token-Lifetime', (string) $lifetime);

        return $response;
    }

    /**
     * @return list<string>|null the topics that were asked for, each once; null for none, too many, or what is no topic
     */
    private function topics(Request $request): ?array
    {
        $topics = [];
        foreach ((array) ($request->query->all()['topic'] ?? []) as $topic) {
            // a pattern, as in https://example.com/users/jane/{id}, is the voter's to grant; everything is nobody's
            if (!\is_string($topic) || '' === $topic || '*' === $topic) {
                return null;
            }
            $topics[$topic] = $topic;
        }

        return [] === $topics || \count($topics) > self::MOST ? null : array_values($topics);
    }

    private function answer(int $status): Response
    {
        $response = new Response(null, $status);
        // of one user, for one moment
        $response->headers->set('Cache-Control', 'private, no-store');

        return $response;
    }
}
