<?php

// made by mercure-deploy kit

declare(strict_types=1);

namespace App\Tests\Mercure;

use App\Mercure\ClearMercureCookie;
use App\Mercure\MercureTokenController;
use App\Mercure\MercureTopicVoter;
use Symfony\Bundle\FrameworkBundle\Test\KernelTestCase;
use Symfony\Component\HttpFoundation\Cookie;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\RequestStack;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\Security\Core\Authentication\Token\Storage\TokenStorageInterface;
use Symfony\Component\Security\Core\Authentication\Token\UsernamePasswordToken;
use Symfony\Component\Security\Core\User\InMemoryUser;
use Symfony\Component\Security\Http\Event\LogoutEvent;

/**
 * Who gets a cookie for the hub, and who does not: whatever your users and your login are.
 */
final class MercureTokenControllerTest extends KernelTestCase
{
    public function testAStrangerGetsNoCookie(): void
    {
        $response = self::ask(null, [MercureTopicVoter::topicOf('jane')]);
        self::assertSame(403, $response->getStatusCode());
        self::assertSame([], self::cookies($response));
    }

    public function testAUserGetsTheCookieForWhatIsGrantedAndForNothingElse(): void
    {
        $own = MercureTopicVoter::topicOf('jane');
        $response = self::ask('jane', [$own, MercureTopicVoter::topicOf('joe')]);
        self::assertSame(204, $response->getStatusCode());
        self::assertStringContainsString('no-store', (string) $response->headers->get('Cache-Control'));
        self::assertStringContainsString('private', (string) $response->headers->get('Cache-Control'));
        self::assertGreaterThan(0, (int) $response->headers->get('Mercure-Token-Lifetime'));
        $cookies = self::cookies($response);
        self::assertCount(1, $cookies);
        self::assertTrue($cookies[0]->isHttpOnly());
        self::assertTrue($cookies[0]->isSecure());
        $claims = (string) base64_decode(strtr(explode('.', (string) $cookies[0]->getValue())[1], '-_', '+/'), true);
        self::assertStringContainsString('jane', $claims);
        self::assertStringNotContainsString('joe', $claims);
    }

    public function testWhereNothingIsGrantedTheCookieOfAFormerUserGoes(): void
    {
        $response = self::ask('jane', [MercureTopicVoter::topicOf('joe')]);
        self::assertSame(403, $response->getStatusCode());
        self::assertSame([], self::cookies($response));
        self::assertCount(1, self::cleared($response->headers->getCookies()));
    }

    public function testAPatternIsNotGrantedUnlessTheVoterSaysSo(): void
    {
        $response = self::ask('jane', ['{{ app }}/users/{name}']);
        self::assertSame(403, $response->getStatusCode());
        self::assertSame([], self::cookies($response));
    }

    public function testAtLogoutTheCookieGoes(): void
    {
        self::bootKernel();
        $request = self::request([]);
        $listener = self::getContainer()->get('event_dispatcher');
        $listener->dispatch(new LogoutEvent($request, null));
        self::assertCount(1, self::cleared($request->attributes->all('_mercure_authorization_cookies')));
        self::assertTrue(class_exists(ClearMercureCookie::class));
    }

    public function testNobodyAsksForEverythingOrForTooMuch(): void
    {
        $many = array_map(static fn (int $number): string => 'https://example.com/'.$number, range(1, 91));
        foreach ([['*'], [''], [['nested']], [], $many] as $topics) {
            $response = self::ask('jane', $topics);
            self::assertSame(400, $response->getStatusCode());
            self::assertSame([], self::cookies($response));
        }
    }

    public function testTheCookieOfAFragmentWouldReachNobody(): void
    {
        self::bootKernel();
        $requests = self::getContainer()->get(RequestStack::class);
        $requests->push(self::request([]));
        $requests->push(self::request([]));
        $this->expectException(\LogicException::class);
        self::getContainer()->get(MercureTokenController::class)(self::request(['https://example.com/1']));
    }

    /** @param array<mixed> $topics */
    private static function ask(?string $identifier, array $topics): Response
    {
        self::ensureKernelShutdown();
        self::bootKernel();
        if (null !== $identifier) {
            $user = new InMemoryUser($identifier, null, ['ROLE_USER']);
            $token = new UsernamePasswordToken($user, 'main', $user->getRoles());
            self::getContainer()->get(TokenStorageInterface::class)->setToken($token);
        }

        return self::getContainer()->get(MercureTokenController::class)(self::request($topics));
    }

    /** @param array<mixed> $topics */
    private static function request(array $topics): Request
    {
        return Request::create('{{ app }}/mercure/token', 'GET', ['topic' => $topics]);
    }

    /** @return list<Cookie> those for the hub, but for a cleared one */
    private static function cookies(Response $response): array
    {
        $all = $response->headers->getCookies();

        return array_values(array_filter($all, static fn (Cookie $cookie): bool => !$cookie->isCleared()));
    }

    /**
     * @param array<mixed> $cookies
     *
     * @return list<Cookie>
     */
    private static function cleared(array $cookies): array
    {
        return array_values(array_filter($cookies, static fn (mixed $one): bool => $one instanceof Cookie && $one->isCleared()));
    }
}
