<?php

// made by mercure-deploy kit

declare(strict_types=1);

namespace App\Mercure;

use Symfony\Component\EventDispatcher\Attribute\AsEventListener;
use Symfony\Component\Mercure\Authorization;
use Symfony\Component\Security\Http\Event\LogoutEvent;

/**
 * At logout the cookie goes: with it the next user of the browser would see the former one's private updates.
 */
#[AsEventListener(event: LogoutEvent::class)]
final class ClearMercureCookie
{
    public function __construct(private readonly Authorization $authorization)
    {
    }

    public function __invoke(LogoutEvent $event): void
    {
        $this->authorization->clearCookie($event->getRequest());
    }
}
